"""Orders for a voice component, as event specs: return them from an event handler.

    def talk(self, data: TicketRequest):
        return deliver_ticket("voice", data["request"], ticket)

Each is a one-shot event to the component with this `id` in the tab the handler answers: nothing is
kept in the state, so nothing is repeated after a reload. An order for a component that is not
mounted, or a ticket that nobody waits for any more, does nothing.
"""

from __future__ import annotations

from typing import Any

import reflex as rx
from reflex.event import EventSpec


def order(component_id: str, op: str, **arguments: Any) -> EventSpec:
    """The order `op`; the functions below are its documented forms."""
    return rx.set_value(component_id, {"op": op, **arguments})


def deliver_ticket(component_id: str, request: str, ticket: str) -> EventSpec:
    """Answer `on_ticket`: the conversation may begin."""
    return order(component_id, "ticket", request=request, ticket=ticket)


def refuse(
    component_id: str,
    request: str,
    code: str,
    message: str,
    *,
    recoverable: bool = True,
    retry_after_ms: float | None = None,
) -> EventSpec:
    """Answer `on_ticket`: it may not; `on_error` gets what is said here."""
    error = {
        "code": code,
        "message": message,
        "recoverable": recoverable,
        "retry_after_ms": retry_after_ms,
    }
    return order(component_id, "refuse", request=request, error=error)


def send_command(component_id: str, command: str) -> EventSpec:
    """Carry a command that the server signed to the session."""
    return order(component_id, "command", command=command)


def send_text(component_id: str, text: str) -> EventSpec:
    """A typed message; interrupts the answer. Begins a conversation without microphone if none is
    going on."""
    return order(component_id, "text", text=text)


def end(component_id: str) -> EventSpec:
    """End the conversation; the microphone is given back."""
    return order(component_id, "end")


def interrupt(component_id: str) -> EventSpec:
    """Stop the answer, as the Stop control does."""
    return order(component_id, "stop")


def set_muted(component_id: str, muted: bool) -> EventSpec:
    """Mute or unmute the microphone; the conversation goes on."""
    return order(component_id, "mute", muted=muted)


def set_volume(component_id: str, volume: float) -> EventSpec:
    """Loudness of the answer, 0 to 1; remembered by the browser."""
    return order(component_id, "volume", volume=volume)


def set_devices(
    component_id: str, *, input_id: str | None = None, output_id: str | None = None
) -> EventSpec:
    """Choose microphone and loudspeaker by the ids of `on_device`; an empty id is the system's
    choice, None leaves it. Remembered by the browser. Choosing a loudspeaker can switch off the
    echo cancellation of some browsers."""
    return order(component_id, "devices", input_id=input_id, output_id=output_id)


def set_options(
    component_id: str,
    *,
    barge_in: bool | None = None,
    turn_detection: str | None = None,
    voice: str | None = None,
    detector: dict[str, float] | None = None,
) -> EventSpec:
    """Change options; None leaves them. `barge_in` and `detector` hold at once, the others from
    the next conversation on."""
    options = {
        "barge_in": barge_in,
        "turn_detection": turn_detection,
        "voice": voice,
        "detector": detector,
    }
    return order(component_id, "options", options=options)
