"""A marked function as a tool: its schema, its arguments out of JSON, its result as text."""

from __future__ import annotations

import inspect
import re
import typing
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.core.errors import ToolError
from tui.core.models import JsonObject, ToolSpec
from tui.tools.docstring import parse_docstring
from tui.tools.mark import ToolMark

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what the OpenAI API takes as a function name
_NAMES_INSIDE = frozenset({"properties", "$defs", "patternProperties"})


@dataclass(frozen=True, slots=True)
class BoundArguments:
    """Converted arguments, ready to be passed."""

    positional: tuple[Any, ...]
    named: dict[str, Any]


class ToolFunction:
    """One function on offer. Making one imports pydantic; raises ToolError if it cannot be a tool.

    ``spec`` is what the model sees, ``is_async`` says whether calling gives a coroutine.
    """

    def __init__(self, function: Callable[..., Any], mark: ToolMark) -> None:
        self.function = function
        self.is_async = inspect.iscoroutinefunction(function)
        self._where = _where(function)
        doc = parse_docstring(function.__doc__)
        name = mark.name or function.__name__
        if not _NAME.fullmatch(name):
            raise ToolError(
                f"{self._where}: {name!r} cannot be the name of a tool",
                hint="Use up to 64 letters, digits, _ and -.",
            )
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise ToolError(f"{self._where}: a generator cannot be a tool; return a list instead")
        self._parameters = _parameters(function, self._where)
        self._model = self._arguments_model(doc.parameters)
        self.spec = ToolSpec(
            name=name,
            description=mark.description if mark.description is not None else doc.description,
            parameters=self._schema(),
            read_only=mark.read_only,
        )

    def bind(self, arguments: str) -> BoundArguments:
        """JSON text as the function's own types; raises ToolError with a sentence for the model."""
        from pydantic import ValidationError

        try:
            model = self._model.model_validate_json(arguments)
        except ValidationError as error:
            raise ToolError(_describe(error), code="invalid_arguments") from None
        given = {
            name: getattr(model, field)
            for field, name in zip(_fields(self._parameters), self._parameters, strict=True)
            if field in model.model_fields_set
        }
        positional = tuple(
            given.pop(name, parameter.default)
            for name, parameter in self._parameters.items()
            if parameter.kind is inspect.Parameter.POSITIONAL_ONLY
        )
        return BoundArguments(positional, given)

    def _arguments_model(self, descriptions: dict[str, str]) -> type[BaseModel]:
        from pydantic import ConfigDict, Field, create_model
        from pydantic.errors import PydanticUserError

        fields: dict[str, Any] = {}
        try:
            hints = typing.get_type_hints(self.function, include_extras=True)
            for field, (name, parameter) in zip(
                _fields(self._parameters), self._parameters.items(), strict=True
            ):
                hint = hints.get(name, Any)
                given: dict[str, Any] = {"alias": name}
                if name in descriptions and not _described(hint):
                    given["description"] = descriptions[name]
                if parameter.default is not inspect.Parameter.empty:
                    given["default"] = parameter.default
                fields[field] = (hint, Field(**given))
            return create_model("Arguments", __config__=ConfigDict(extra="forbid"), **fields)
        except (PydanticUserError, NameError, TypeError, AttributeError) as error:
            raise self._unusable(error) from error

    def _schema(self) -> JsonObject:
        from pydantic.errors import PydanticUserError
        from pydantic.json_schema import PydanticJsonSchemaWarning

        try:
            with warnings.catch_warnings():
                # A default that JSON cannot express is left out of the schema, which is right.
                warnings.simplefilter("ignore", PydanticJsonSchemaWarning)
                schema = self._model.model_json_schema()
        except (PydanticUserError, TypeError) as error:
            raise self._unusable(error) from error
        schema.pop("description", None)
        schema.setdefault("properties", {})
        cleaned: JsonObject = _without_titles(schema)
        return cleaned

    def _unusable(self, error: Exception) -> ToolError:
        reason = str(error).strip().splitlines()[0]
        return ToolError(f"{self._where}: the type hints cannot become a JSON schema: {reason}")


def encode_result(value: Any) -> str:
    """What a function returned as text: a string as it is, None as nothing, the rest as JSON.

    Raises ToolError for a value that JSON cannot hold.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return str.__str__(value)
    from pydantic_core import PydanticSerializationError, to_json

    try:
        return to_json(value, inf_nan_mode="strings").decode()
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        raise ToolError(
            f"The tool returned a {type(value).__name__}, which cannot be written as JSON: {error}"
        ) from error


def _where(function: Callable[..., Any]) -> str:
    file = Path(function.__code__.co_filename).name
    return f"{function.__name__} in {file}, line {function.__code__.co_firstlineno}"


def _parameters(function: Callable[..., Any], where: str) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(function).parameters)
    for parameter in parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ToolError(
                f"{where}: {parameter} cannot be described to a model",
                hint="Give the tool named parameters only.",
            )
    return parameters


def _fields(parameters: dict[str, inspect.Parameter]) -> list[str]:
    # Own field names with the parameter as alias: a parameter may be called "json" or "_x",
    # which a pydantic model does not take.
    return [f"p{index}" for index in range(len(parameters))]


def _described(hint: Any) -> bool:
    return any(getattr(item, "description", None) for item in getattr(hint, "__metadata__", ()))


def _without_titles(schema: Any) -> Any:
    """The same schema without the titles that pydantic makes up out of names."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    cleaned: JsonObject = {}
    for key, value in schema.items():
        if key in _NAMES_INSIDE and isinstance(value, dict):
            cleaned[key] = {name: _without_titles(item) for name, item in value.items()}
        elif key in ("default", "const", "enum", "examples"):
            cleaned[key] = value
        elif not (key == "title" and isinstance(value, str)):
            cleaned[key] = _without_titles(value)
    return cleaned


def _describe(error: ValidationError) -> str:
    problems = [
        f"{'.'.join(map(str, item['loc'])) or 'arguments'}: {item['msg']}"
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return "The arguments do not fit: " + "; ".join(problems)
