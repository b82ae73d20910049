"""A server that speaks the OpenAI Realtime protocol on loopback, with ears, some sense and a voice.

    async with serve() as server:                  # any free port, real models, loaded lazily
        client = AsyncOpenAI(api_key="none", websocket_base_url=server.url)

Started with the app when there is no key, or alone: `python -m voice_loop.local --port 8080`. It
never leaves the machine and downloads nothing. Importing it loads nothing.
"""

from __future__ import annotations

from voice_loop.local.options import Faults, LocalOptions
from voice_loop.local.server import LocalServer, serve

__all__ = ["Faults", "LocalOptions", "LocalServer", "serve"]
