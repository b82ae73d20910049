"""`python -m voice_loop.local`: the server alone, for any Realtime client.

The environment is read here and nowhere else in the package.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

import anyio

from voice_loop.config import Settings
from voice_loop.errors import ConfigError
from voice_loop.local.brain import make_responder
from voice_loop.local.engines import Engines, check_installed, real_engines, scripted_engines
from voice_loop.local.options import LocalOptions
from voice_loop.local.server import serve


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m voice_loop.local",
        description="A server that speaks the OpenAI Realtime protocol, with models of its own.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on; 0: any")
    parser.add_argument("--key", action="append", help="accept only this API key; repeatable")
    parser.add_argument("--model", action="append", help="accept only this model; repeatable")
    parser.add_argument("--session-s", type=float, default=3600, help="longest session")
    parser.add_argument("--think-ms", type=float, default=0, help="pause before each answer")
    parser.add_argument("--scripted", action="store_true", help="echo with a hum: no models")
    return parser.parse_args(arguments)


async def run(parsed: argparse.Namespace, settings: Settings) -> None:
    """Serve until cancelled. Raises ConfigError or OSError."""
    options = LocalOptions(
        host=parsed.host,
        port=parsed.port,
        think_ms=parsed.think_ms,
        api_keys=frozenset(parsed.key) if parsed.key else None,
        models=frozenset(parsed.model) if parsed.model else None,
        expire_after_s=parsed.session_s,
    )
    if not parsed.scripted:
        check_installed()

    def load() -> Engines:
        return scripted_engines() if parsed.scripted else real_engines(make_responder(settings))

    async with serve(options, load) as server:
        print(f"Realtime server on ws://{parsed.host}:{server.port}/v1/realtime", flush=True)
        await server.load()
        print("Ready.", flush=True)
        await anyio.sleep_forever()


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    logging.basicConfig(level=logging.WARNING)
    parsed = parse_arguments(arguments)
    try:
        anyio.run(run, parsed, Settings.from_env(os.environ))
    except (ConfigError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
