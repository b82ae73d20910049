"""One server a machine: who binds serves, who does not watches, and takes over."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from websockets.asyncio.client import connect

from tests.local.realtime_client import RealtimeClient, eventually
from voice_loop.config import Settings
from voice_loop.errors import ConfigError
from voice_loop.local import engines as engines_module
from voice_loop.local.__main__ import main, parse_arguments, run
from voice_loop.local.embedded import embedded_server, is_served
from voice_loop.local.engines import Engines, scripted_engines

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings(port: int) -> Settings:
    return Settings(local_port=port)


async def _greeting(url: str) -> str:
    async with connect(f"{url}/realtime?model=m", compression=None) as open_socket:
        return str((await RealtimeClient(open_socket).next())["type"])


async def test_the_embedded_server_listens_on_its_port_and_loads_by_itself() -> None:
    loads: list[int] = []

    def load() -> Engines:
        loads.append(1)
        return scripted_engines()

    port = free_port()
    async with embedded_server(settings(port), load) as url:
        assert url == f"ws://127.0.0.1:{port}/v1"
        assert await _greeting(url) == "session.created"
    assert loads == [1]
    assert not await is_served("127.0.0.1", port)


async def test_a_second_one_uses_the_first_and_takes_over_when_it_ends() -> None:
    port = free_port()
    loads: list[str] = []

    def loader(name: str) -> engines_module.EngineLoader:
        def load() -> Engines:
            loads.append(name)
            return scripted_engines()

        return load

    ended = anyio.Event()
    ready = anyio.Event()

    async def first() -> None:
        async with embedded_server(settings(port), loader("first")) as url:
            await _greeting(url)
            ready.set()
            await ended.wait()

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first)
            await ready.wait()
            async with embedded_server(settings(port), loader("second")) as url:
                assert await _greeting(url) == "session.created"
                assert loads == ["first"]
                ended.set()
                await eventually(lambda: loads != ["first"])
                assert await _greeting(url) == "session.created"
    assert loads == ["first", "second"]


async def test_a_port_held_by_another_program_names_the_variable() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = int(other.getsockname()[1])
        # Nobody accepts: the question about health gets no answer at all.
        with pytest.raises(ConfigError, match="VOICE_LOCAL_PORT"), anyio.fail_after(30):
            async with embedded_server(settings(port), scripted_engines):
                pass


async def test_missing_packages_are_named_with_what_to_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engines_module, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'pip install "voice-loop\[local\]"'):
        async with embedded_server(settings(free_port())):
            pass


async def test_models_that_do_not_load_are_logged_and_the_server_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def load() -> Engines:
        raise ConfigError("Not installed.")

    port = free_port()
    async with embedded_server(settings(port), load):
        await eventually(lambda: "Not installed." in caplog.text)
        assert await is_served("127.0.0.1", port)


async def test_the_command_says_where_it_listens_and_serves(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parsed = parse_arguments(["--port", "0", "--scripted", "--key", "k", "--think-ms", "5"])
    out = ""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, parsed, Settings())
        with anyio.fail_after(30):
            while "Ready." not in out:
                await anyio.lowlevel.checkpoint()
                out += capsys.readouterr().out
        address = next(word for word in out.split() if word.startswith("ws://"))
        headers = {"Authorization": "Bearer k"}
        async with connect(f"{address}?model=m", additional_headers=headers) as open_socket:
            assert (await RealtimeClient(open_socket).next())["type"] == "session.created"
        tasks.cancel_scope.cancel()


def test_the_command_ends_with_a_sentence_when_its_port_is_taken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        assert main(["--scripted", "--port", port]) == 1
    assert "address already in use" in capsys.readouterr().err.lower()


async def test_importing_the_package_loads_no_model_and_no_ui() -> None:
    code = (
        "import sys, voice_loop.local; "
        "print([n for n in ('hibari', 'onnxruntime', 'moonshine_voice', 'reflex', 'openai') "
        "if n in sys.modules])"
    )
    with anyio.fail_after(30):
        done = await anyio.run_process([sys.executable, "-c", code], cwd=ROOT)
    assert done.stdout.decode().strip() == "[]"
