"""The handshake, who may connect, bounds, and misbehaviour on cue."""

from __future__ import annotations

import contextlib
import json
import logging
from typing import Any

import anyio
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.local.realtime_client import (
    RealtimeClient,
    audio_of,
    client_of,
    conversation,
    eventually,
    kinds,
    scripted_server,
)
from voice_loop.errors import ConfigError
from voice_loop.local import Faults, LocalOptions, LocalServer, serve
from voice_loop.local.brain.scripted import ScriptedResponder
from voice_loop.local.embedded import is_served
from voice_loop.local.engines import Engines

pytestmark = pytest.mark.anyio


async def _refusal(server: LocalServer, query: str = "?model=m", **more: Any) -> tuple[str, int]:
    """The code of the one error and the code the socket is closed with."""
    async with client_of(server, query=query, greeted=False, **more) as client:
        frame = await client.next()
        assert frame["type"] == "error"
        with anyio.fail_after(30):
            await client.socket.wait_closed()
        code = client.socket.close_code
        assert code is not None
        assert client.socket.close_reason == f"invalid_request_error.{frame['error']['code']}"
        return frame["error"]["code"], code


async def test_a_bad_key_is_accepted_then_told_then_closed_with_3000() -> None:
    async with scripted_server(options=LocalOptions(api_keys=frozenset({"good"}))) as server:
        bearer = {"Authorization": "Bearer bad"}
        assert await _refusal(server, additional_headers=bearer) == ("invalid_api_key", 3000)
        assert await _refusal(server) == ("invalid_api_key", 3000)
        async with client_of(server, additional_headers={"Authorization": "Bearer good"}):
            assert server.sessions == 1


async def test_a_missing_or_unknown_model_is_closed_with_4000() -> None:
    async with scripted_server(options=LocalOptions(models=frozenset({"gpt-realtime"}))) as server:
        assert await _refusal(server, query="") == ("missing_model", 4000)
        assert await _refusal(server, query="?model=gpt-9") == ("invalid_model", 4000)
        async with client_of(server):
            pass


async def test_the_beta_protocol_is_refused() -> None:
    async with scripted_server() as server:
        header = {"OpenAI-Beta": "realtime=v1"}
        outcome = await _refusal(server, additional_headers=header)
        assert outcome == ("beta_api_shape_disabled", 4000)


async def test_a_web_page_may_not_connect_unless_it_is_allowed() -> None:
    options = LocalOptions(origins=frozenset({"http://localhost:3000"}))
    async with scripted_server(options=options) as server:
        with pytest.raises(InvalidStatus) as refused:
            async with client_of(server, origin="https://evil.example"):
                pass
        assert refused.value.response.status_code == 403
        async with client_of(server, origin="http://localhost:3000"):
            pass


async def test_other_paths_are_not_found_and_health_is_told() -> None:
    async with scripted_server() as server:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"{server.url}/elsewhere?model=m"):
                pass
        assert refused.value.response.status_code == 404
        assert await is_served("127.0.0.1", server.port)
        async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
            await stream.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            with anyio.fail_after(30):
                while b"}" not in answer:
                    answer += await stream.receive()
        body = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert body == {"server": "voice-loop-local", "loaded": False, "sessions": 0}


@pytest.mark.parametrize("sent", [b"", b"hello\r\n\r\n", b"\x16\x03\x01"])
async def test_a_probe_of_the_port_leaves_no_traceback(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with scripted_server() as server:
        async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
            if sent:
                await stream.send(sent)
            await stream.send_eof()
            with anyio.fail_after(30), contextlib.suppress(anyio.EndOfStream):
                while True:
                    await stream.receive()
        assert await is_served("127.0.0.1", server.port)
    assert caplog.records == []


async def test_sessions_are_counted_and_capped() -> None:
    async with scripted_server(options=LocalOptions(max_sessions=1)) as server:
        async with client_of(server):
            with pytest.raises(InvalidStatus) as refused:
                async with client_of(server):
                    pass
            assert refused.value.response.status_code == 503
        await eventually(lambda: not server.sessions)
        async with client_of(server):
            pass


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_the_handshake_can_be_refused_on_cue(status: int) -> None:
    async with scripted_server() as server:
        server.faults = Faults(refuse_status=status, retry_after_s=2, connections=1)
        with pytest.raises(InvalidStatus) as refused:
            async with client_of(server):
                pass
        assert refused.value.response.status_code == status
        assert refused.value.response.headers["Retry-After"] == "2"
        async with client_of(server):
            pass


async def test_an_error_and_a_close_at_the_start_on_cue() -> None:
    async with scripted_server() as server:
        server.faults = Faults(error_at_start="insufficient_quota", close_code=4000)
        assert await _refusal(server) == ("insufficient_quota", 4000)


async def test_silence_at_the_start_on_cue() -> None:
    async with scripted_server() as server:
        server.faults = Faults(silent_at_start=True)
        async with client_of(server, greeted=False) as client:
            with anyio.move_on_after(0.2) as waited:
                await client.socket.recv()
        assert waited.cancelled_caught


async def test_a_stall_on_cue_leaves_the_socket_open() -> None:
    async with scripted_server() as server:
        server.faults = Faults(stall_after_frames=2)
        async with client_of(server) as client:
            await client.update()
            await client.send("session.update", session={"type": "realtime"})
            with anyio.move_on_after(0.2) as waited:
                await client.socket.recv()
            assert waited.cancelled_caught
            await client.socket.ping()


async def test_the_connection_breaks_in_the_middle_of_an_answer_on_cue() -> None:
    async with scripted_server(ScriptedResponder(["word " * 50])) as server:
        server.faults = Faults(cut_after_audio_deltas=3)
        async with client_of(server) as client:
            await client.type("Go.")
            await client.respond()
            with pytest.raises(ConnectionClosed) as broken:
                await client.until("response.done")
    assert broken.value.rcvd is None
    assert kinds(client.frames)[-1].endswith("delta")
    assert len([f for f in client.frames if f["type"] == "response.output_audio.delta"]) <= 3


async def test_a_malformed_frame_and_an_unknown_event_on_cue() -> None:
    async with scripted_server() as server:
        server.faults = Faults(malformed_after_frames=1, unknown_event_after_frames=1)
        async with client_of(server) as client:
            await client.send("session.update", session={"type": "realtime"})
            with anyio.fail_after(30):
                texts = [await client.socket.recv() for _ in range(3)]
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(texts[0])
    assert json.loads(texts[1])["type"] == "vendor.surprise"
    assert json.loads(texts[2])["type"] == "session.updated"


async def test_slow_deltas_on_cue_let_an_answer_be_cancelled_in_its_middle() -> None:
    options = LocalOptions(faults=Faults(slow_delta_ms=5))
    async with conversation(ScriptedResponder(["word " * 200]), options=options) as client:
        await client.type("Go.")
        await client.respond()
        await client.expect("response.output_audio.delta")
        await client.send("response.cancel")
        frames = await client.until("response.done")
    assert frames[-1]["response"]["status"] == "cancelled"
    assert len(audio_of(client.frames)) < 48_000 * 20


async def test_a_client_that_never_reads_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    # Ten minutes of speech are far more than the sockets' buffers hold.
    responder = ScriptedResponder(["word " * 3000])
    options = LocalOptions(send_timeout_s=0.2)
    async with (
        scripted_server(responder, options=options) as server,
        connect(
            f"{server.url}/realtime?model=m", max_queue=1, compression=None, close_timeout=0.1
        ) as socket,
    ):
        await socket.send('{"type": "response.create"}')
        await eventually(lambda: server.sessions)
        await eventually(lambda: not server.sessions)
    assert "reads nothing" in caplog.text


async def test_a_client_that_leaves_in_the_middle_of_everything_leaves_nothing_behind() -> None:
    async with scripted_server(ScriptedResponder(["word " * 300])) as server:
        async with client_of(server) as client:
            await client.turn_detection()
            await client.say(300, 0)
            await client.respond()
            await client.expect("response.created")
            client.socket.transport.abort()
        await eventually(lambda: not server.sessions)


async def test_the_server_ends_while_sessions_run() -> None:
    async with scripted_server(ScriptedResponder(["word " * 3000])) as server:
        async with connect(f"{server.url}/realtime?model=m", compression=None) as socket:
            client = RealtimeClient(socket)
            await client.respond()
            await client.expect("response.created")
            with anyio.fail_after(30):
                assert server._listening is not None
                server._listening.close()
                await socket.wait_closed()
        assert socket.close_code == 1001


async def test_engines_that_cannot_be_loaded_are_told_to_the_client() -> None:
    def load() -> Engines:
        raise ConfigError("The voice is not installed.")

    async with serve(engines=load) as server, client_of(server, greeted=False) as client:
        frame = await client.next()
        await client.socket.wait_closed()
    assert frame["error"]["code"] == "local_unavailable"
    assert frame["error"]["message"] == "The voice is not installed."
    assert client.socket.close_code == 1011


async def test_a_bug_ends_one_session_with_1011_and_a_log_and_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Deaf:
        def stream(self) -> Any:
            def broken(frame: object) -> float:
                raise ValueError("a bug")

            return broken

    async with scripted_server() as server:
        engines = await server._room.engines()
        server._room._engines = Engines(Deaf(), engines.voice, None, engines.responder)
        async with client_of(server) as client, client_of(server) as other:
            with caplog.at_level(logging.ERROR):
                await client.say(100, 0)
                assert (await client.error())["code"] == "server_error"
                await client.socket.wait_closed()
            await other.update()
    assert client.socket.close_code == 1011


async def test_keys_are_not_shown() -> None:
    assert "good" not in repr(LocalOptions(api_keys=frozenset({"good"})))


async def test_compression_is_off() -> None:
    async with (
        scripted_server() as server,
        connect(f"{server.url}/realtime?model=m", compression="deflate") as socket,
    ):
        assert socket.response is not None
        assert "Sec-WebSocket-Extensions" not in socket.response.headers
