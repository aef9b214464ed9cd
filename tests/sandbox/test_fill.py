"""Arguments: what the message says goes in, and whatever comes out fits the schema."""

from __future__ import annotations

import json
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, create_model

from tests.sandbox.driving import NUMBER, STRING
from tui.sandbox.clues import find_clues
from tui.sandbox.fill import fill_calls, fill_json
from tui.sandbox.patterns import example_of
from tui.sandbox.schema import Schema


def filled(text: str, required: str = "", **properties: Any) -> list[Any]:
    names = required.split() if required else list(properties)
    schema = {"type": "object", "properties": properties, "required": names}
    return [json.loads(each) for each in fill_calls(schema, text, find_clues(text), text)]


@pytest.mark.parametrize(
    ("text", "properties", "calls"),
    [
        ("9 for limit", {"limit": {"type": "integer", "maximum": 5}}, [{"limit": 5}]),
        ("2.7 steps", {"steps": {"type": "integer"}}, [{"steps": 2}]),
        ("height 4 and width 3", {"width": NUMBER, "height": NUMBER}, [{"width": 3, "height": 4}]),
        ("3 nights, 2 guests", {"guests": NUMBER, "nights": NUMBER}, [{"guests": 2, "nights": 3}]),
        ("make it Dark Red", {"color": {"enum": ["blue", "dark_red"]}}, [{"color": "dark_red"}]),
        ("level 3", {"level": {"enum": [1, 2, 3]}}, [{"level": 3}]),
        (
            "numbers 1, 2 and 3",
            {"numbers": {"type": "array", "items": NUMBER}},
            [{"numbers": [1, 2, 3]}],
        ),
        (
            "tags red, green and blue",
            {"tags": {"type": "array", "items": STRING}},
            [{"tags": ["red", "green", "blue"]}],
        ),
        (
            "with Bob and Ann",
            {"guests": {"type": "array", "items": STRING}},
            [{"guests": ["Bob", "Ann"]}],
        ),
        ("be verbose", {"verbose": {"type": "boolean"}}, [{"verbose": True}]),
        ("not verbose", {"verbose": {"type": "boolean"}}, [{"verbose": False}]),
        ("verbose=yes", {"verbose": {"type": "boolean"}}, [{"verbose": True}]),
        ("title: 'My day'", {"title": STRING}, [{"title": "My day"}]),
        (
            "on March 5, 2026",
            {"due": {"type": "string", "format": "date"}},
            [{"due": "2026-03-05"}],
        ),
        (
            "on 2026-03-05",
            {"at": {"type": "string", "format": "date-time"}},
            [{"at": "2026-03-05T12:00:00+00:00"}],
        ),
        ("order AB-12", {"order_id": STRING}, [{"order_id": "AB-12"}]),
        ("user 12 and 13", {"user_id": {"type": "integer"}}, [{"user_id": 12}, {"user_id": 13}]),
        (
            "fly Bob to Rome",
            {
                "trip": {
                    "type": "object",
                    "properties": {"city": STRING, "days": {"type": "integer", "default": 2}},
                    "required": ["city"],
                }
            },
            [{"trip": {"city": "Bob", "days": 2}}, {"trip": {"city": "Rome", "days": 2}}],
        ),
        ("nothing", {"n": {"type": ["integer", "null"]}}, [{"n": None}]),
        ("n is 4", {"n": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}, [{"n": 4}]),
        ("x", {"fixed": {"const": "v1"}}, [{"fixed": "v1"}]),
    ],
)
def test_what_the_message_says_goes_in(
    text: str, properties: dict[str, Any], calls: list[Any]
) -> None:
    assert filled(text, **properties) == calls


def test_optional_parameters_appear_with_a_default_or_when_they_are_named() -> None:
    schema = {
        "type": "object",
        "properties": {
            "query": STRING,
            "limit": {"type": "integer", "default": 10},
            "page": {"type": "integer"},
        },
        "required": ["query"],
    }

    def fill(text: str) -> Any:
        return json.loads(fill_json(schema, text))

    assert fill("'cats'") == {"query": "cats", "limit": 10}
    assert fill("'cats' page 3") == {"query": "cats", "limit": 10, "page": 3}
    assert fill("4 'cats'") == {"query": "cats", "limit": 10}


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(BaseModel):
    name: str
    size: Annotated[int, Field(ge=3, le=9)] = 4


class Tree(BaseModel):
    label: Annotated[str, Field(min_length=2, max_length=5)]
    children: list[Tree] = []
    left: Tree | None = None


class Deep(BaseModel):
    child: Deep | None
    kids: list[Deep]


_PLAIN: tuple[Any, ...] = (
    str,
    int,
    float,
    bool,
    date,
    datetime,
    UUID,
    Color,
    Literal["a", "b", 3],
    Leaf,
    Tree,
    Deep,
    None,
    Any,
    dict[str, int],
    Annotated[int, Field(gt=10, lt=12)],
    Annotated[int, Field(ge=-5, le=-2, multiple_of=2)],
    Annotated[float, Field(gt=0, lt=0.5)],
    Annotated[str, Field(pattern=r"^[A-Z]{3}-\d{2,4}$")],
    Annotated[str, Field(min_length=7)],
    Annotated[str, Field(max_length=1)],
    Annotated[list[int], Field(min_length=2, max_length=3)],
    Annotated[set[Color], Field(min_length=2)],
    tuple[int, str],
)
_TYPES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(_PLAIN),
    lambda inner: st.one_of(
        inner.map(lambda t: list[t]),  # type: ignore[valid-type]  # made at run time
        inner.map(lambda t: None if t is None else t | None),
        st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1] if _joinable(pair) else pair[0]),
    ),
    max_leaves=4,
)
_TEXTS = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        [
            "",
            "Ada and Bob meet in Rome on 2026-03-05 at 9:30, 3 nights, red, 'a quote', ABC-123",
            "f0=1 f1=true f2: null f3=[] f4='x' 99999999999999999999 1e300 -5 0.25",
            "f0=NaN f1=1e999 f2=[1e999] f3=-Infinity, 1e999 and inf",
        ]
    ),
)


def _joinable(pair: tuple[Any, Any]) -> bool:
    try:
        pair[0] | pair[1]
    except TypeError:
        return False
    return True


@given(types=st.lists(_TYPES, max_size=5), optional=st.booleans(), text=_TEXTS)
def test_arguments_are_valid_for_pydantic(types: list[Any], optional: bool, text: str) -> None:
    fields: dict[str, Any] = {f"f{n}": (kind, ...) for n, kind in enumerate(types)}
    if optional:
        fields["extra"] = (int, 7)
    model = create_model("Arguments", **fields)
    schema = model.model_json_schema()

    for arguments in fill_calls(schema, text, find_clues(text), text):
        model.model_validate_json(arguments)
        assert Schema(schema).fits(json.loads(arguments), schema)


_NUMBERS = st.integers(-50, 50)
_SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.just({"type": "string"}),
        st.just({"type": "boolean"}),
        st.just({"type": "null"}),
        st.builds(lambda values: {"enum": values}, st.lists(_NUMBERS | st.text(), min_size=1)),
        st.builds(
            lambda low, size, step: {
                "type": "integer",
                "minimum": low,
                "maximum": low + size + step,
                "multipleOf": step,
            },
            _NUMBERS,
            st.integers(0, 9),
            st.integers(1, 7),
        ),
        st.builds(
            lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
            st.integers(0, 9),
            st.integers(0, 9),
        ),
    ),
    lambda inner: st.one_of(
        st.builds(
            lambda items, least: {"type": "array", "items": items, "minItems": least},
            inner,
            st.integers(0, 3),
        ),
        st.builds(lambda branches: {"anyOf": branches}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(
            lambda properties, count: {
                "type": "object",
                "properties": properties,
                "required": list(properties)[:count],
                "additionalProperties": False,
            },
            st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=4),
            st.integers(0, 4),
        ),
    ),
    max_leaves=8,
)


@given(schema=_SCHEMAS, text=_TEXTS)
def test_any_schema_is_filled_with_what_fits_it(schema: Any, text: str) -> None:
    root = {"type": "object", "properties": {"value": schema}, "required": ["value"]}
    value = json.loads(fill_json(root, text))
    assert value.keys() == {"value"}
    assert Schema(root).fits(value, root)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "properties": "no"},
        {
            "type": "object",
            "properties": {"a": {"type": "array", "minItems": "two"}},
            "required": ["a"],
        },
        {"$ref": "#"},
        {"type": 7},
        {"type": "object", "required": ["x"], "properties": {"x": {"$ref": "#/$defs/none"}}},
    ],
)
def test_a_schema_that_is_odd_ends_nothing(schema: dict[str, Any]) -> None:
    assert [type(json.loads(each)) for each in fill_calls(schema, "hi", [], "hi")] == [dict]


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[A-Z]{3}$",
        r"^\d{4}-\d{2}$",
        r"^(foo|bar)+$",
        r"[^a]",
        r"^[\w.-]+@[\w]+\.com$",
        r"^#[0-9a-fA-F]{6}$",
        r"^[\]x]{2,}$",
        r"^(?:a(?P<n>b))c?$",
        r"^\+?[1-9]\d{1,14}$",
        r"^(?:ä|ö){2}$",
        r"^[ä-ö]$",
    ],
)
def test_patterns_are_matched(pattern: str) -> None:
    schema = {"type": "string", "pattern": pattern}
    assert Schema(schema).fits(example_of(pattern), schema)


@pytest.mark.parametrize("pattern", ["(?=x)y", "[", "(", "*", r"(a)\1", "a{999999}"])
def test_patterns_that_cannot_be_read_give_some_text(pattern: str) -> None:
    assert example_of(pattern)


_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.integers(),
    st.text(),
    st.booleans(),
    st.none(),
    st.lists(st.integers() | st.booleans()),
    st.dictionaries(st.text(), st.text() | st.integers()),
)
_KINDS: tuple[Any, ...] = (str, bool, int, list[int], dict[str, str], int | None)


@given(_VALUES, st.sampled_from(_KINDS))
def test_the_check_agrees_with_pydantic_on_plain_types(value: Any, kind: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    schema = adapter.json_schema()
    try:
        adapter.validate_python(value, strict=True)
        valid = True
    except ValueError:
        valid = False
    assert Schema(schema).fits(value, schema) == valid
