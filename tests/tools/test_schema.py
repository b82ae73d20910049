"""Type hints and docstrings become what the model reads, and hold it to it."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field
from typing_extensions import TypedDict

from voice_loop.errors import ConfigError
from voice_loop.tools import ArgumentsSchema, ToolContext, ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Unit(enum.Enum):
    celsius = "celsius"
    fahrenheit = "fahrenheit"


@dataclass
class Place:
    """Somewhere."""

    city: str
    title: str = "home"


class Options(TypedDict):
    limit: int
    after: NotRequired[date]


@dataclass
class Tree:
    branches: list[Tree]


def schema_of(function: Callable[..., Any]) -> dict[str, Any]:
    return ArgumentsSchema("tool", function).json_schema


def property_of(hint: Any) -> Any:
    def tool(value: Any) -> None: ...

    tool.__annotations__["value"] = hint
    return schema_of(tool)["properties"]["value"]


def test_a_function_becomes_an_object_with_required_and_optional_arguments() -> None:
    def weather(city: str, days: int = 1) -> str:
        """The weather.

        Args:
            city: Name of the place,
                in English.
            days (int): How many days.
        """
        return f"{city} {days}"

    assert schema_of(weather) == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Name of the place, in English."},
            "days": {"type": "integer", "default": 1, "description": "How many days."},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (str, {"type": "string"}),
        (bool, {"type": "boolean"}),
        (float, {"type": "number"}),
        (Any, {}),
        (date, {"type": "string", "format": "date"}),
        (datetime, {"type": "string", "format": "date-time"}),
        (UUID, {"type": "string", "format": "uuid"}),
        (Unit, {"type": "string", "enum": ["celsius", "fahrenheit"]}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
    ],
)
def test_types_have_their_schema(hint: Any, expected: dict[str, Any]) -> None:
    assert property_of(hint) == expected


def test_a_dataclass_is_described_in_place_and_keeps_a_property_called_title() -> None:
    described = property_of(Place)
    assert described["properties"] == {
        "city": {"type": "string"},
        "title": {"type": "string", "default": "home"},
    }
    assert described["description"] == "Somewhere."
    assert "$ref" not in json.dumps(described)


def test_a_typed_dict_knows_what_may_be_left_out() -> None:
    described = property_of(Options)
    assert described["required"] == ["limit"]
    assert described["properties"]["after"] == {"type": "string", "format": "date"}


def test_a_type_within_itself_keeps_its_references() -> None:
    def prune(tree: Tree) -> None: ...

    schema = schema_of(prune)
    assert schema["properties"]["tree"] == {"$ref": "#/$defs/Tree"}
    assert schema["$defs"]["Tree"]["properties"]["branches"]["items"] == {"$ref": "#/$defs/Tree"}


@pytest.mark.parametrize(
    "hint",
    [Annotated[str, "Of the place."], Annotated[str, Field(description="Of the place.")]],
)
def test_a_description_beside_the_type_is_used(hint: Any) -> None:
    assert property_of(hint)["description"] == "Of the place."


def test_limits_beside_the_type_are_told_and_enforced() -> None:
    def roll(sides: Annotated[int, Field(ge=2, le=100)]) -> None: ...

    arguments = ArgumentsSchema("roll", roll)
    assert arguments.json_schema["properties"]["sides"] == {
        "type": "integer",
        "minimum": 2,
        "maximum": 100,
    }
    with pytest.raises(ToolError, match="^sides: "):
        arguments.validate({"sides": 1})


def test_a_function_without_arguments_takes_an_empty_object() -> None:
    def now() -> str:
        return ""

    arguments = ArgumentsSchema("now", now)
    assert arguments.json_schema == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }
    assert arguments.validate({}) == {}


def test_names_that_a_model_class_has_itself_are_ordinary_arguments() -> None:
    def odd(json: str, copy: int, model_config: str, _private: bool) -> None: ...

    given_arguments = {"json": "a", "copy": 1, "model_config": "b", "_private": True}
    arguments = ArgumentsSchema("odd", odd)
    assert list(arguments.json_schema["properties"]) == list(given_arguments)
    assert arguments.validate(given_arguments) == given_arguments


def test_a_default_that_json_cannot_carry_stays_with_the_function() -> None:
    marker = object()

    def tool(value: Any = marker) -> None: ...

    arguments = ArgumentsSchema("tool", tool)
    assert arguments.json_schema["properties"] == {"value": {}}
    assert arguments.validate({}) == {}


def test_values_arrive_as_the_types_of_the_function() -> None:
    def book(place: Place, on: date, price: Decimal, unit: Unit, many: set[int]) -> None: ...

    values = ArgumentsSchema("book", book).validate(
        {
            "place": {"city": "Rome"},
            "on": "2026-12-24",
            "price": "9.50",
            "unit": "celsius",
            "many": [1, 2, 2],
        }
    )
    assert values == {
        "place": Place("Rome"),
        "on": date(2026, 12, 24),
        "price": Decimal("9.50"),
        "unit": Unit.celsius,
        "many": {1, 2},
    }


def test_the_context_is_not_the_models_to_give() -> None:
    def tool(city: str, context: ToolContext) -> None: ...

    arguments = ArgumentsSchema("tool", tool)
    assert list(arguments.json_schema["properties"]) == ["city"]
    assert arguments.context_parameter == "context"
    with pytest.raises(ToolError, match="context"):
        arguments.validate({"city": "Rome", "context": {"client_token": "someone"}})


def test_parameters_may_be_left_out_of_the_description() -> None:
    def handler(self, city: str) -> None: ...  # type: ignore[no-untyped-def]

    assert list(ArgumentsSchema("tool", handler, skip=("self",)).json_schema["properties"]) == [
        "city"
    ]


def no_type(city) -> None: ...  # type: ignore[no-untyped-def]


def star(*cities: str) -> None: ...


def double_star(**cities: str) -> None: ...


def positional(city: str, /) -> None: ...


def unknown_name(cities: Sequence[str]) -> None: ...


def strange(what: ToolError) -> None: ...


def callback(what: type[ToolError]) -> None: ...


def call_me(what: Callable[[], int]) -> None: ...


call_me.__annotations__["what"] = __import__("collections.abc").abc.Callable[[], int]


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (no_type, '"city" has no type. Write one, for example "city: str"'),
        (star, r"\*cities"),
        (double_star, r"\*cities"),
        (positional, 'Remove the "/"'),
        (unknown_name, "cannot be read .*Sequence"),
        (strange, "cannot carry"),
        (call_me, "cannot carry"),
    ],
)
def test_what_cannot_be_described_stops_the_start_and_says_what_to_write(
    function: Callable[..., Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence) as refused:
        ArgumentsSchema("weather", function)
    assert "weather" in refused.value.message


def plan(city: str, days: int, unit: Literal["c", "f"] = "c") -> None: ...


def test_each_wrong_argument_is_named() -> None:
    with pytest.raises(ToolError) as refused:
        ArgumentsSchema("plan", plan).validate({"days": "many", "unit": "k"})
    assert refused.value.code == "invalid_arguments"
    for name in ("city: ", "days: ", "unit: "):
        assert name in refused.value.message
    assert "many" not in refused.value.message


def test_an_argument_that_does_not_exist_is_named() -> None:
    with pytest.raises(ToolError, match="country"):
        ArgumentsSchema("plan", plan).validate({"city": "Rome", "days": 1, "country": "IT"})


def test_a_long_list_of_mistakes_is_told_short() -> None:
    def total(numbers: list[int]) -> None: ...

    with pytest.raises(ToolError) as refused:
        ArgumentsSchema("total", total).validate({"numbers": ["x"] * 500})
    assert len(refused.value.message) < 800
    assert "and 497 more" in refused.value.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["city", "days", "unit", "zzz", ""]), JSON))
def test_any_arguments_are_either_right_or_a_tool_error(arguments: dict[str, Any]) -> None:
    schema = ArgumentsSchema("plan", plan)
    try:
        values = schema.validate(arguments)
    except ToolError as error:
        assert 0 < len(error.message) < 1_000
        return
    assert isinstance(values["city"], str)
    assert isinstance(values["days"], int)
    assert values.get("unit", "c") in ("c", "f")
    assert set(values) <= {"city", "days", "unit"}


@settings(deadline=None)
@given(st.text(), st.integers(), st.sampled_from(["c", "f"]))
def test_right_arguments_arrive_unchanged(city: str, days: int, unit: str) -> None:
    given_arguments = {"city": city, "days": days, "unit": unit}
    assert ArgumentsSchema("plan", plan).validate(given_arguments) == given_arguments
