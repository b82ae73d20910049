"""Any bytes at the endpoint: an answer or a close, never a traceback."""

from __future__ import annotations

import json
import logging

import anyio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.hosts import ORIGIN
from tests.server.served import served
from tests.server.voice_client import VoiceClient
from voice_loop.errors import ERRORS
from voice_loop.protocol import events as wire

FRAMES = st.one_of(
    st.binary(max_size=64),
    st.binary(max_size=40).map(lambda tail: b"\x01\x01" + tail),
    st.text(max_size=64),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
        ),
        max_leaves=6,
    ).map(json.dumps),
    st.tuples(
        st.sampled_from([cls.TYPE for cls in wire.CLIENT_EVENTS]),
        st.dictionaries(
            st.sampled_from(
                [
                    "seq",
                    "turn",
                    "item",
                    "played_ms",
                    "phase",
                    "sound",
                    "text",
                    "command",
                    "id",
                    "client_sent_ms",
                    "client_at_ms",
                    "client_onset_ms",
                    "held_ms",
                    "muted",
                    "source",
                    "received_seq",
                    "during_playback",
                    "position_samples",
                    "reason",
                    "ticket",
                ]
            ),  # fmt: skip
            st.one_of(st.integers(-5, 2**54), st.floats(), st.booleans(), st.text(max_size=8)),
            max_size=9,
        ),
    ).map(lambda pair: json.dumps({"type": pair[0], **pair[1]})),
)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.lists(FRAMES, min_size=1, max_size=15), st.booleans())
def test_any_bytes_get_an_answer_or_a_close_and_never_a_traceback(
    frames: list[str | bytes], admitted: bool
) -> None:
    anyio.run(_throw, frames, admitted)


class Recorder(logging.Handler):
    """Collects what is logged."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


async def _throw(frames: list[str | bytes], admitted: bool) -> None:
    handler = Recorder(logging.WARNING)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        async with served() as home:
            ticket = home.host.ticket() if admitted else None
            async with VoiceClient.open(home.url, ticket=ticket, origin=ORIGIN) as client:
                for frame in frames:
                    if client.close_code is None:
                        await client.send_raw(frame)
                with anyio.move_on_after(0.05):
                    await client.closed()
                if client.close_code is None and admitted:
                    await client.ping()
                for error in client.all_of(wire.ErrorEvent):
                    assert error.code in ERRORS
    except ExceptionGroup as group:
        closed = group.subgroup(lambda error: type(error).__name__.startswith("ConnectionClosed"))
        if closed is None or len(closed.exceptions) != len(group.exceptions):
            raise
    finally:
        root.removeHandler(handler)
    assert [r for r in handler.records if r.name.startswith("voice_loop")] == []
