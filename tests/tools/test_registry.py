"""A set of tools is checked when it is made."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest

from voice_loop.errors import ConfigError
from voice_loop.providers.base import ToolSpec
from voice_loop.tools import FunctionTool, ToolAdapter, ToolContext, ToolSet


def weather(city: str) -> str:
    """The weather in a city."""
    return city


async def tell_time() -> str:
    return "noon"


class Adapter:
    """A tool of another kind: it runs somewhere else."""

    name = "elsewhere"
    description = "Runs elsewhere."
    parameters: Mapping[str, Any] = {"type": "object", "properties": {}}

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        return {"for": context.client_token}


class Lights:
    def switch(self, on: bool) -> str:
        """Switch the light."""
        return "on" if on else "off"


def test_functions_become_specs_in_their_order() -> None:
    tools = ToolSet([weather, tell_time, Adapter()])
    assert [spec.name for spec in tools.specs] == ["weather", "tell_time", "elsewhere"]
    assert tools.specs[0] == ToolSpec(
        "weather",
        "The weather in a city.",
        {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    )
    assert tools.specs[1].description == "tell time", "a name says something too"
    assert len(tools) == 3
    assert all(isinstance(tool, ToolAdapter) for tool in tools)
    assert tools.get("nothing") is None


def test_an_empty_set_is_fine() -> None:
    assert ToolSet().specs == []


def test_a_method_is_a_tool() -> None:
    spec = ToolSet([Lights().switch]).specs[0]
    assert spec.name == "switch"
    assert list(spec.parameters["properties"]) == ["on"]


def test_a_decorated_function_keeps_its_signature() -> None:
    @functools.wraps(weather)
    def traced(*args: Any, **kwargs: Any) -> Any:
        return weather(*args, **kwargs)

    assert ToolSet([traced]).specs == ToolSet([weather]).specs


def test_name_and_description_can_be_given() -> None:
    tool = FunctionTool(weather, name="forecast", description="Tomorrow's.")
    spec = ToolSet([weather, tool]).specs[1]
    assert (spec.name, spec.description) == ("forecast", "Tomorrow's.")


def generator(city: str) -> Iterator[str]:
    yield city


async def async_generator(city: str) -> AsyncIterator[str]:
    yield city


@pytest.mark.parametrize(
    ("tools", "sentence"),
    [
        ([weather, weather], 'Two tools are named "weather". Rename one'),
        ([lambda: 1], "no name. Write it with `def`"),
        ([functools.partial(weather, "Rome")], "no name"),
        ([3], "Give a function with type hints"),
        ([Lights], "Give a function with type hints"),
        ([generator], "is a generator"),
        ([async_generator], "is a generator"),
        ([FunctionTool(weather, name="the weather")], "cannot be the name"),
        ([FunctionTool(weather, name="w" * 65)], "cannot be the name"),
        ([FunctionTool(weather, name=f"weather{n}") for n in range(129)], "at most 128"),
    ],
)
def test_a_mistake_stops_the_start_with_a_sentence(tools: list[Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        ToolSet(tools)
