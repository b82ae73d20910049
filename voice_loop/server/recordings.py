"""Downloads of recordings: a link for one file of the tab that made it, for a minute, once.

A link cannot carry a header, so the permission is in its address: signed like a ticket, for another
purpose. It names the recording, the file and whose it is; only the state of that tab asks for one.
The link is spent last, so that one that came too early can be used again. Workers of one machine
serve each other's; elsewhere it says that it is not there.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from voice_loop.config import RecordingPolicy
from voice_loop.errors import AdmissionError
from voice_loop.latency.clock import Clock
from voice_loop.recording.session_recorder import SessionRecorder
from voice_loop.recording.store import Recordings, owner_of
from voice_loop.server.signing import SignatureExpired, SignatureInvalid, Signer, WallTime
from voice_loop.server.spent import SpentStore
from voice_loop.session.session_config import Watcher

LIFETIME_S: Final = 60
SWEEP_S: Final = 15.0
_MEDIA: Final = {".wav": "audio/wav", ".jsonl": "application/x-ndjson"}
_STATUS: Final = {
    "download_invalid": 403,
    "download_expired": 410,
    "download_spent": 410,
    "recording_gone": 404,
    "recording_running": 409,
}
_PRIVATE: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class RecordingDesk:
    """Recordings of one VoiceLoop: made, swept, handed out."""

    def __init__(
        self,
        policy: RecordingPolicy,
        clock: Clock,
        secret: bytes,
        name: str,
        spent: SpentStore,
        *,
        wall_time: WallTime = time.time,
        parent: Path | None = None,
    ) -> None:
        self.policy = policy
        self._recordings = Recordings(
            clock, parent=parent, max_bytes=policy.max_bytes, keep_ms=policy.keep_ms
        )
        self._signer = Signer(secret, "recording", wall_time)
        self._name = name
        self._spent = spent
        self._recorder = SessionRecorder(self._recordings, clock)

    @property
    def watchers(self) -> tuple[Watcher, ...]:
        """None where nothing may be recorded: then an order has nobody to obey it."""
        return (self._recorder.watch,) if self.policy.allowed else ()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While sessions can live. What workers left that crashed goes first, all at the end."""
        await anyio.to_thread.run_sync(self._recordings.sweep_orphans)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._sweep)
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(self._recordings.close)

    async def _sweep(self) -> None:
        while True:
            await anyio.sleep(SWEEP_S)
            await anyio.to_thread.run_sync(self._recordings.sweep)

    def sign(self, client_token: str, recording: str, file: str) -> str:
        """A token for one file of a recording that this tab made."""
        claims = {
            "id": secrets.token_urlsafe(12),
            "rec": recording,
            "fil": file,
            "own": owner_of(client_token),
            "for": self._name,
        }
        return self._signer.sign(claims, LIFETIME_S)

    def route(self, path: str) -> Route:
        """`GET path?token=…`."""

        async def download(request: Request) -> Response:
            try:
                return await self._file(request.query_params.get("token", ""))
            except AdmissionError as error:
                body = {"code": error.code, "message": error.message}
                return JSONResponse(body, _STATUS.get(error.code, 503), headers=_PRIVATE)

        return Route(path, download, methods=["GET"])

    async def _file(self, token: str) -> Response:
        """Raises AdmissionError."""
        try:
            claims = self._signer.open(token)
        except SignatureInvalid:
            raise AdmissionError("download_invalid") from None
        except SignatureExpired:
            raise AdmissionError("download_expired") from None
        if claims.get("for") != self._name:
            raise AdmissionError("download_invalid")
        found = await anyio.to_thread.run_sync(
            self._recordings.find, claims["rec"], claims["fil"], claims["own"]
        )
        if found is None:
            raise AdmissionError("recording_gone")
        path, stage = found
        if stage != "ready":
            raise AdmissionError("recording_running")
        if not await self._spent.spend(f"recording {claims['id']}", 2 * LIFETIME_S):
            raise AdmissionError("download_spent")
        return FileResponse(
            path, headers=_PRIVATE, media_type=_MEDIA[path.suffix], filename=path.name
        )
