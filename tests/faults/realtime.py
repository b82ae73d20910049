"""A Realtime server that misbehaves on cue, in a thread of its own: for tests that cannot await.

The local server with quick engines: typed words are answered by its built-in rules in a hum.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from anyio.from_thread import start_blocking_portal

from voice_loop.local import LocalOptions, LocalServer, serve
from voice_loop.local.brain.builtin import BuiltinResponder
from voice_loop.local.engines import scripted_engines


@contextmanager
def misbehaving(options: LocalOptions | None = None) -> Iterator[LocalServer]:
    """Listens until the block ends; `faults` may be set at any time."""
    engines = scripted_engines(BuiltinResponder())
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve(options, engines)) as server,
    ):
        yield server


def settings_for(server: LocalServer) -> dict[str, str]:
    """An app's environment in which this server is OpenAI."""
    return {
        "VOICE_PROVIDER": "openai",
        "OPENAI_API_KEY": "sk-test-not-a-real-key",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{server.port}/v1",
    }
