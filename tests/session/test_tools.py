"""A tool call is bounded and always has an output."""

from __future__ import annotations

import json
import logging

import anyio
import pytest

from voice_loop.session.tools import MAX_OUTPUT_CHARS, no_tools, run_tool

pytestmark = pytest.mark.anyio


async def echo(client_token: str, name: str, arguments: str) -> str:
    return f"{client_token} {name} {arguments}"


async def test_the_output_is_given_back_as_it_is() -> None:
    assert await run_tool(echo, "tab", "clock", "{}") == ("tab clock {}", False)


async def test_a_tool_that_fails_gives_an_output_without_the_exceptions_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(client_token: str, name: str, arguments: str) -> str:
        raise ValueError("hunter2")

    with caplog.at_level(logging.DEBUG):
        output, failed = await run_tool(broken, "tab", "clock", "{}")
    assert failed and "error" in json.loads(output)
    assert "hunter2" not in output + caplog.text


async def test_a_tool_that_takes_too_long_is_stopped() -> None:
    async def slow(client_token: str, name: str, arguments: str) -> str:
        await anyio.sleep_forever()
        return ""

    output, failed = await run_tool(slow, "tab", "clock", "{}", timeout_ms=1)
    assert failed and "too long" in output


async def test_an_endless_output_is_refused() -> None:
    async def endless(client_token: str, name: str, arguments: str) -> str:
        return "x" * (MAX_OUTPUT_CHARS + 1)

    assert (await run_tool(endless, "tab", "clock", "{}"))[1]


async def test_an_app_without_tools_says_so() -> None:
    assert (await run_tool(no_tools, "tab", "clock", "{}"))[1]
