"""`OpenAIRealtimeProvider`: the provider port over one Realtime connection.

Settings always say `create_response: false` and `interrupt_response: false`, so that only the
session asks for and cuts answers. Races that both sides lose (a cancel with nothing to cancel) are
recognised by the command they answer and go no further. There is no reconnection here: the session
opens a new provider and replays the history.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import anyio

from voice_loop.errors import ProviderError, ProviderRejected, ProviderTimeout, ProviderUnavailable
from voice_loop.latency.clock import Clock, MonotonicClock
from voice_loop.providers.base import (
    Connected,
    Expiring,
    Fault,
    HistoryItem,
    ProviderEvent,
    ResponseDone,
    SessionSettings,
    Updated,
)
from voice_loop.providers.openai_realtime import commands
from voice_loop.providers.openai_realtime.codec import (
    Decoded,
    Decoder,
    Malformed,
    Refusal,
    SessionCreated,
    SessionUpdated,
    Skipped,
)
from voice_loop.providers.openai_realtime.faults import (
    ends_connection,
    from_close,
    is_benign,
    safe_code,
    wire_code,
)
from voice_loop.providers.openai_realtime.handshake import Handshake
from voice_loop.providers.openai_realtime.link import Address, Bounds, Link, LinkClosed

LOCAL_NAME: Final = "local"
"""The server of `voice_loop.local`: the same protocol, and it keeps words and sound together."""
MAX_MALFORMED: Final = 100
"""A peer with that many frames that are not the protocol is no Realtime server."""
_MAX_EXPIRY_MS: Final = 24 * 3_600_000.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What seldom needs another value."""

    bounds: Bounds = field(default_factory=Bounds)
    transcription_models: Sequence[str] = ("gpt-transcribe", "gpt-4o-mini-transcribe")
    """Tried in order, as an account may not know the newest; then without."""
    wall_time_s: Callable[[], float] = time.time
    """Only to read the session's expiry, which the server gives as Unix time."""


@dataclass(slots=True)
class Counters:
    """What happened on the connection, for logs and telemetry."""

    unknown: int = 0
    malformed: int = 0
    benign: int = 0
    connect_ms: float | None = None


class OpenAIRealtimeProvider:
    """Implements `providers.base.Provider`."""

    def __init__(
        self,
        *,
        api_key: str,
        model: str,
        base_url: str | None = None,
        name: str = "openai",
        clock: Clock | None = None,
        tuning: Tuning | None = None,
    ) -> None:
        self._address = Address(api_key=api_key, model=model, base_url=base_url)
        self._name = name
        self._clock = clock or MonotonicClock()
        self._tuning = tuning or Tuning()
        self._decoder = Decoder()
        self._link: Link | None = None
        self._used = False
        self._closing = False
        self._ids = itertools.count(1)
        self._voice = ""
        self._transcription_model: str | None = None
        self._asked_instructions: str | None = None
        self._newest_create = ""
        self._ask_again = False
        self.counters = Counters()

    @property
    def name(self) -> str:
        return self._name

    async def connect(self, settings: SessionSettings) -> Connected:
        """See the port. Raises RuntimeError when this provider was used before."""
        if self._used:
            raise RuntimeError("a provider is connected once; make a new one")
        self._used = True
        began_ms = self._clock.now_ms()
        try:
            with anyio.fail_after(self._tuning.bounds.connect_ms / 1000):
                connected = await self._open(settings)
        except TimeoutError:
            await self.aclose()
            raise ProviderTimeout("provider_timeout") from None
        except BaseException:
            await self.aclose()
            raise
        self.counters.connect_ms = self._clock.now_ms() - began_ms
        return connected

    async def _open(self, settings: SessionSettings) -> Connected:
        address = replace(self._address, safety_identifier=settings.safety_identifier)
        self._link = await Link.open(address, self._tuning.bounds)
        handshake = Handshake(
            self._link, self._decode_opening, self._new_id, self._tuning.transcription_models
        )
        ready = await handshake.run(settings)
        self._voice = ready.voice or settings.voice
        self._transcription_model = ready.transcription_model
        return Connected(
            model=ready.model or self._address.model,
            voice=self._voice,
            expires_in_ms=self._expires_in_ms(ready.expires_at_s),
            aligned_transcript=self._name == LOCAL_NAME,
        )

    def _decode_opening(self, data: bytes) -> Decoded:
        decoded = self._decode(data)
        if self.counters.malformed > MAX_MALFORMED:
            raise ProviderRejected("provider_rejected", detail_code="not_realtime")
        return decoded

    def _expires_in_ms(self, expires_at_s: float | None) -> float | None:
        if expires_at_s is None:
            return None
        left_ms = (expires_at_s - self._tuning.wall_time_s()) * 1000
        # Outside of that one of the two wall clocks is wrong, and the figure with it.
        return left_ms if 0 < left_ms <= _MAX_EXPIRY_MS else None

    async def events(self) -> AsyncIterator[ProviderEvent]:
        """See the port. Raises RuntimeError before `connect`."""
        if self._link is None:
            raise RuntimeError("connect first")
        while True:
            try:
                decoded = self._decode(await self._link.receive())
            except LinkClosed as closed:
                if not self._closing:
                    yield _fault_of_close(closed)
                return
            event = self._event_of(decoded)
            if event is None:
                continue
            yield event
            if isinstance(event, Expiring) or (isinstance(event, Fault) and not event.recoverable):
                await self.aclose()
                return
            if isinstance(event, ResponseDone) and self._ask_again:
                await self._create_again()

    def _decode(self, data: bytes) -> Decoded:
        decoded = self._decoder.decode(data)
        if isinstance(decoded, Malformed):
            self.counters.malformed += 1
            # The reason names a type or field of the protocol, never content.
            _log.warning("malformed frame from the provider reason=%s", decoded.reason)
        elif isinstance(decoded, Skipped) and not decoded.known:
            self.counters.unknown += 1
        return decoded

    def _event_of(self, decoded: Decoded) -> ProviderEvent | None:
        match decoded:
            case Refusal():
                return self._fault_of(decoded)
            case SessionUpdated():
                self._voice = decoded.voice or self._voice
                return Updated()
            case Malformed() if self.counters.malformed > MAX_MALFORMED:
                return Fault("provider_lost", recoverable=False, detail_code="not_realtime")
            case Malformed() | Skipped() | SessionCreated():
                return None
            case _:
                return decoded

    def _fault_of(self, refusal: Refusal) -> ProviderEvent | None:
        kind = commands.kind_of(refusal.event_id)
        if refusal.code == "session_expired":
            return Expiring()
        if is_benign(kind, refusal.code):
            self.counters.benign += 1
            # Asked again when the answer under way is done, unless the caller changes its mind.
            if refusal.event_id == self._newest_create:
                self._ask_again = refusal.code == "conversation_already_has_active_response"
            _log.debug("benign refusal code=%s kind=%s", safe_code(refusal.code), kind)
            return None
        code = wire_code(
            refusal.code, "provider_rejected" if kind == "update" else "provider_failed"
        )
        _log.warning("refused by the provider code=%s kind=%s", safe_code(refusal.code), kind)
        return Fault(
            code,
            recoverable=not ends_connection(code),
            detail_code=safe_code(refusal.code),
            no_response=kind == "create",
        )

    async def _create_again(self) -> None:
        try:
            await self.create_response(self._asked_instructions)
        except ProviderError:
            return  # the reader is about to learn that the connection is gone

    async def append_audio(self, pcm: bytes) -> None:
        await self._send(commands.append(self._new_id("append"), pcm))

    async def commit_audio(self) -> None:
        await self._send(commands.commit(self._new_id("commit")))

    async def clear_audio(self) -> None:
        await self._send(commands.clear(self._new_id("clear")))

    async def create_response(self, instructions: str | None = None) -> None:
        self._asked_instructions, self._ask_again = instructions, False
        self._newest_create = self._new_id("create")
        await self._send(commands.create_response(self._newest_create, instructions))

    async def cancel_response(self) -> None:
        # Its refusal may still be on the way.
        self._ask_again, self._newest_create = False, ""
        await self._send(commands.cancel_response(self._new_id("cancel")))

    async def truncate_item(self, item_id: str, audio_end_ms: int) -> None:
        await self._send(commands.truncate(self._new_id("truncate"), item_id, audio_end_ms))

    async def delete_item(self, item_id: str) -> None:
        await self._send(commands.delete(self._new_id("delete"), item_id))

    async def add_text(self, text: str) -> None:
        await self._send(commands.message(self._new_id("item"), HistoryItem("user", text)))

    async def add_tool_result(self, call_id: str, output: str) -> None:
        await self._send(commands.tool_result(self._new_id("item"), call_id, output))

    async def update(self, settings: SessionSettings) -> None:
        frame = commands.session_update(
            self._new_id("update"),
            settings,
            transcription_model=self._transcription_model if settings.transcribe else None,
            with_voice=settings.voice != self._voice,
        )
        await self._send(frame)

    async def aclose(self) -> None:
        self._closing = True
        if self._link is not None:
            await self._link.aclose()

    async def _send(self, frame: str) -> None:
        if self._link is None:
            raise ProviderUnavailable("provider_lost", detail_code="not_connected")
        await self._link.send(frame)

    def _new_id(self, kind: commands.Kind) -> str:
        return f"{kind}_{next(self._ids)}"


def _fault_of_close(closed: LinkClosed) -> Fault:
    error = from_close(closed.code, closed.reason)
    return Fault(error.code, recoverable=False, detail_code=error.detail_code)
