"""A marked function: what its schema says, what reaches it, what its result becomes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from tui.core.errors import ToolError
from tui.core.models import JsonObject
from tui.tools import tool
from tui.tools.function import ToolFunction, encode_result
from tui.tools.mark import ToolMark, mark_of


class Mood(Enum):
    GOOD = "good"
    BAD = "bad"


class Stop(BaseModel):
    city: str
    nights: int = Field(default=1, ge=1)


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


class Options(TypedDict, total=False):
    deep: bool


def made(function: Callable[..., Any], **mark: Any) -> ToolFunction:
    return ToolFunction(function, ToolMark(**mark))


def properties(function: Callable[..., Any]) -> JsonObject:
    found: JsonObject = made(function).spec.parameters["properties"]
    return found


def given(function: Callable[..., Any], **arguments: Any) -> Any:
    bound = made(function).bind(json.dumps(arguments))
    return function(*bound.positional, **bound.named)


def test_the_decorated_function_stays_what_it_was() -> None:
    def double(n: int) -> int:
        return 2 * n

    assert tool(double) is double
    assert tool(read_only=True, name="twice")(double) is double
    assert double(4) == 8
    assert mark_of(double) == ToolMark(name="twice", read_only=True)
    assert mark_of(print) is None


def test_only_functions_are_tools() -> None:
    with pytest.raises(ToolError, match="goes on functions"):
        tool(Stop)


def test_name_and_description_come_from_the_function_or_the_decorator() -> None:
    def forecast(city: str) -> str:
        """Tell the weather.

        Args:
            city: Where.
        """
        return city

    spec = made(forecast).spec
    assert (spec.name, spec.description, spec.read_only) == ("forecast", "Tell the weather.", False)
    assert spec.parameters == {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "Where."}},
        "required": ["city"],
        "additionalProperties": False,
    }
    spec = made(forecast, name="weather", description="Rain?", read_only=True).spec
    assert (spec.name, spec.description, spec.read_only) == ("weather", "Rain?", True)


def test_types_become_schema() -> None:
    def everything(  # type: ignore[no-untyped-def]  # a user may leave out a hint
        count: int,
        ratio: float | None,
        flag: bool = False,
        unit: Literal["c", "f"] = "c",
        mood: Mood = Mood.GOOD,
        tags: list[str] | None = None,
        limits: dict[str, int] = {},  # noqa: B006  # a user's function may well have this
        when: datetime | None = None,
        small: Annotated[int, Field(ge=1, le=9, description="One to nine.")] = 5,
        anything=None,
    ) -> None: ...

    schema = made(everything).spec.parameters
    found = schema["properties"]
    assert schema["required"] == ["count", "ratio"]
    assert found["count"] == {"type": "integer"}
    assert found["ratio"] == {"anyOf": [{"type": "number"}, {"type": "null"}]}
    assert found["flag"] == {"type": "boolean", "default": False}
    assert found["unit"] == {"type": "string", "enum": ["c", "f"], "default": "c"}
    assert found["mood"] == {"$ref": "#/$defs/Mood", "default": "good"}
    assert schema["$defs"]["Mood"] == {"type": "string", "enum": ["good", "bad"]}
    assert found["tags"]["anyOf"][0] == {"type": "array", "items": {"type": "string"}}
    assert found["limits"]["additionalProperties"] == {"type": "integer"}
    assert found["when"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert found["small"] == {
        "type": "integer", "minimum": 1, "maximum": 9, "default": 5, "description": "One to nine.",
    }  # fmt: skip
    assert found["anything"] == {"default": None}


def test_nested_types_keep_their_names_and_lose_made_up_titles() -> None:
    def travel(stops: list[Stop], start: Point, options: Options, title: str = "x") -> None: ...

    schema = made(travel).spec.parameters
    assert set(schema["$defs"]) == {"Stop", "Point", "Options"}
    assert schema["$defs"]["Stop"]["properties"]["nights"]["minimum"] == 1
    assert schema["properties"]["title"] == {"type": "string", "default": "x"}
    assert '"title": "' not in json.dumps(schema)


def test_arguments_arrive_as_the_functions_own_types() -> None:
    def travel(
        stops: list[Stop], start: Point, mood: Mood, options: Options, day: date, also: Any = 7
    ) -> Any:
        return stops, start, mood, options, day, also

    assert given(
        travel,
        stops=[{"city": "Oslo"}],
        start={"x": 1},
        mood="bad",
        options={"deep": True},
        day="2026-11-20",
    ) == ([Stop(city="Oslo")], Point(1.0), Mood.BAD, {"deep": True}, date(2026, 11, 20), 7)


def test_parameters_may_have_names_that_pydantic_reserves() -> None:
    def odd(json: str, _private: int, model_config: int, p1: str, schema: str = "s") -> Any:
        return json, _private, model_config, p1, schema

    found = given(odd, json="a", _private=1, model_config=2, p1="b")
    assert found == ("a", 1, 2, "b", "s")


def test_positional_only_and_keyword_only_parameters_are_passed_as_such() -> None:
    def positions(a: int, b: int = 2, /, *, c: int = 3) -> Any:
        return a, b, c

    assert given(positions, a=1, c=9) == (1, 2, 9)


def test_a_default_that_json_cannot_express_still_works() -> None:
    marker = object()

    def handed(thing: Any = marker) -> bool:
        return thing is marker

    assert properties(handed) == {"thing": {}}
    assert given(handed) is True


@pytest.mark.parametrize("function", [lambda *a: a, lambda **k: k], ids=["args", "kwargs"])
def test_variadic_parameters_are_refused_with_name_and_file(function: Any) -> None:
    function.__name__ = "sloppy"
    with pytest.raises(ToolError, match=r"sloppy in test_function\.py, line \d+: \*"):
        made(function)


def test_hints_that_cannot_be_described_are_refused() -> None:
    def socket_user(connection: Callable[[int], int]) -> None: ...
    def unknown(thing: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821  # on purpose

    for function in (socket_user, unknown):
        with pytest.raises(ToolError, match=f"{function.__name__} in .*JSON schema"):
            made(function)


def test_generators_and_bad_names_are_refused() -> None:
    def numbers() -> Any:
        yield 1

    with pytest.raises(ToolError, match="generator"):
        made(numbers)
    with pytest.raises(ToolError, match="cannot be the name"):
        made(properties, name="two words")


def test_what_the_schema_cannot_say_is_found_when_binding() -> None:
    def remind(when: datetime) -> None: ...

    with pytest.raises(ToolError, match=r"when: .*datetime"):
        given(remind, when="teatime")


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "wrong"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is \x1b[31m", "as it is \x1b[31m"),
        (Text("plain"), "plain"),
        (None, ""),
        (12, "12"),
        ({"a": [1, None, True]}, '{"a":[1,null,true]}'),
        (Stop(city="Oslo"), '{"city":"Oslo","nights":1}'),
        (Point(1.0), '{"x":1.0,"y":0.0}'),
        (date(2026, 11, 20), '"2026-11-20"'),
        (Mood.GOOD, '"good"'),
        (float("nan"), '"NaN"'),
    ],
)
def test_results(value: Any, text: str) -> None:
    assert encode_result(value) == text


def test_a_result_without_a_json_form_is_refused_by_type() -> None:
    with pytest.raises(ToolError, match="returned a object"):
        encode_result(object())
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ToolError, match="returned a list"):
        encode_result(circle)
