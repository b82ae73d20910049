"""The arguments of a function as JSON Schema, and their validation, from its type hints.

pydantic does both: it comes with the `openai` package and knows every type that people write
(Literal, Enum, Optional, dataclasses, TypedDicts, dates). Descriptions come from the docstring or
from `Annotated[str, "…"]`. References are resolved in place, because not every model follows them.
A function that cannot be described stops the start with a sentence that says what to write.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticUndefined

from voice_loop.errors import ConfigError
from voice_loop.tools import docstring
from voice_loop.tools.port import ToolContext, ToolError

MAX_PROBLEMS: Final = 3
"""Enough for the model to try again; a wrong list of a thousand entries is told once."""
MAX_PROBLEM_CHARS: Final = 200


class _Schema(GenerateJsonSchema):
    # A default that JSON cannot carry is left out of the schema; the function still has it.
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012


class ArgumentsSchema:
    """What a function takes from the model."""

    def __init__(self, name: str, function: Callable[..., Any], skip: Collection[str] = ()) -> None:
        """`skip`: parameters that the model does not give. Raises ConfigError."""
        hints = _hints(name, function)
        texts = docstring.parse(function.__doc__).arguments
        self.context_parameter: str | None = None
        self._names: dict[str, str] = {}
        fields: dict[str, Any] = {}
        for parameter in _parameters(name, function):
            if parameter.name in skip:
                continue
            hint = _hint_of(name, parameter, hints)
            if hint is ToolContext:
                self.context_parameter = parameter.name
                continue
            # Field names of our own: an argument may be called `json`, `copy` or `_x`.
            key = f"argument_{len(self._names)}"
            self._names[key] = parameter.name
            fields[key] = (hint, _field(parameter, hint, texts.get(parameter.name)))
        self._model = _model(name, fields)
        self.json_schema = _json_schema(name, self._model)

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function wants them; what was not given is left to its defaults.

        Raises ToolError that names each wrong argument.
        """
        try:
            checked = self._model.model_validate(dict(arguments))
        except ValidationError as error:
            raise ToolError(_problems(error), code="invalid_arguments") from None
        return {self._names[key]: getattr(checked, key) for key in checked.model_fields_set}


def _hints(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(inspect.unwrap(function), include_extras=True)
    except (NameError, TypeError) as error:
        raise ConfigError(
            f'Tool "{name}": its type hints cannot be read ({error}). Use names that are '
            "importable in the module of the function, not only under TYPE_CHECKING."
        ) from None


def _parameters(name: str, function: Callable[..., Any]) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(function).parameters.values())
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ConfigError(
                f'Tool "{name}": "*{parameter.name}" cannot be described to a model. Write each '
                "argument by name with its type."
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise ConfigError(
                f'Tool "{name}": the argument "{parameter.name}" must be allowed by name. '
                'Remove the "/" from the signature.'
            )
    return parameters


def _hint_of(name: str, parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Any:
    if parameter.name not in hints:
        raise ConfigError(
            f'Tool "{name}": the argument "{parameter.name}" has no type. Write one, for example '
            f'"{parameter.name}: str".'
        )
    return hints[parameter.name]


def _field(parameter: inspect.Parameter, hint: Any, text: str | None) -> Any:
    description = text
    if typing.get_origin(hint) is Annotated:
        plain = [note for note in hint.__metadata__ if isinstance(note, str)]
        described = [getattr(note, "description", None) for note in hint.__metadata__]
        description = next((note for note in (*described, *plain) if note), text)
    default = PydanticUndefined if parameter.default is parameter.empty else parameter.default
    return Field(default=default, alias=parameter.name, description=description)


def _model(name: str, fields: dict[str, Any]) -> type[BaseModel]:
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=False)
    try:
        return create_model("Arguments", __config__=config, **fields)
    except (PydanticUserError, TypeError) as error:
        raise _indescribable(name, error) from None


def _json_schema(name: str, model: type[BaseModel]) -> dict[str, Any]:
    try:
        schema = model.model_json_schema(schema_generator=_Schema)
    except PydanticUserError as error:
        raise _indescribable(name, error) from None
    definitions = schema.pop("$defs", {})
    try:
        resolved = _resolve(schema, definitions, ())
    except RecursionError:
        resolved = _untitled(schema) | {"$defs": _untitled_each(definitions)}
    resolved.setdefault("properties", {})
    return typing.cast(dict[str, Any], resolved)


def _indescribable(name: str, error: Exception) -> ConfigError:
    reason = str(error).splitlines()[0]
    return ConfigError(
        f'Tool "{name}": an argument has a type that JSON cannot carry ({reason}). Use str, int, '
        "float, bool, date, Literal, Enum, list, dict, a dataclass or a TypedDict."
    )


def _resolve(node: Any, definitions: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """References replaced by what they name. Raises RecursionError for a type within itself."""
    if isinstance(node, list):
        return [_resolve(entry, definitions, path) for entry in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        key = reference.removeprefix("#/$defs/")
        if key in path:
            raise RecursionError(key)
        beside = {name: value for name, value in node.items() if name != "$ref"}
        return _resolve(definitions[key], definitions, (*path, key)) | beside
    return _rebuild(node, lambda child: _resolve(child, definitions, path))


def _untitled(node: Any) -> Any:
    if isinstance(node, list):
        return [_untitled(entry) for entry in node]
    return _rebuild(node, _untitled) if isinstance(node, dict) else node


def _untitled_each(named: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _untitled(node) for name, node in named.items()}


def _rebuild(node: dict[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """A schema node without its title; its properties may well be called `title` or `default`."""
    kept: dict[str, Any] = {}
    for key, value in node.items():
        if key in ("properties", "$defs", "patternProperties"):
            kept[key] = {name: change(child) for name, child in value.items()}
        elif key in ("default", "const", "enum", "examples"):
            kept[key] = value
        elif key != "title":
            kept[key] = change(value)
    return kept


def _problems(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    told = []
    for problem in problems[:MAX_PROBLEMS]:
        place = ".".join(map(str, problem["loc"])) or "arguments"
        told.append(f"{place}: {problem['msg']}"[:MAX_PROBLEM_CHARS])
    if len(problems) > MAX_PROBLEMS:
        told.append(f"and {len(problems) - MAX_PROBLEMS} more")
    return "; ".join(told)
