"""Arguments are read strictly; complaints say what is wrong, where, and what was expected."""

from __future__ import annotations

import json
from datetime import datetime
from enum import IntEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from tui.core.models import ToolSpec
from tui.tools.arguments import check_arguments, check_json
from tui.tools.schema import violations


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


class Room(BaseModel):
    model_config = {"extra": "forbid"}
    name: str = Field(min_length=1)
    beds: int = Field(default=1, ge=1, lt=10)


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


class Tree(BaseModel):
    label: str
    children: list[Tree] = []


class Arguments(BaseModel):
    model_config = {"extra": "forbid"}
    rooms: list[Room] = Field(default=[], max_length=3)
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    size: Size = Size.SMALL
    unit: Literal["c", "f", 3] = "c"
    amount: float | str | None = None
    tree: Tree | None = None
    pair: tuple[int, str] | None = None
    scores: dict[str, int] = {}
    flags: set[bool] = set()
    when: datetime | None = None
    even: int = Field(default=0, multiple_of=2)
    city: str


SPEC = ToolSpec(name="book", parameters=Arguments.model_json_schema())


def complaint(**arguments: Any) -> str:
    problem = check_arguments(SPEC, json.dumps({"city": "Oslo", **arguments}))
    return "" if problem is None else problem.message


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"rooms": [{"name": "a"}, {"name": "b", "beds": 9}]},
        {"pet": {"kind": "dog", "tricks": ["sit"]}},
        {"pet": None, "size": 2, "unit": 3, "amount": "much"},
        {"tree": {"label": "a", "children": [{"label": "b", "children": []}]}},
        {"pair": [1, "x"], "scores": {"any key": 3}, "flags": [True, False]},
        {"even": 4.0, "amount": 1, "when": "left to pydantic"},
    ],
)
def test_what_fits(arguments: dict[str, Any]) -> None:
    assert complaint(**arguments) == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"city": 3}, "city: expected a string, got 3"),
        ({"city": None}, "city: expected a string, got null"),
        ({"rooms": {}}, "rooms: expected an array, got {}"),
        ({"rooms": [{"name": ""}]}, "rooms.0.name: expected at least 1 characters, got 0"),
        ({"rooms": [{"beds": 1}]}, "rooms.0.name: missing, expected a string"),
        ({"rooms": [{"name": "a", "beds": 0}]}, "rooms.0.beds: expected at least 1, got 0"),
        ({"rooms": [{"name": "a", "beds": 10}]}, "rooms.0.beds: expected less than 10, got 10"),
        (
            {"rooms": [{"name": "a", "bed": 1}]},
            "rooms.0.bed: unknown parameter; did you mean beds?",
        ),
        ({"rooms": [{"name": "a"}] * 4}, "rooms: expected at most 3 items, got 4"),
        ({"pet": {"kind": "cow"}}, "pet: expected"),
        ({"pet": 7}, "pet: expected an object with kind, lives or"),
        ({"size": 3}, "size: expected one of 1, 2, got 3"),
        ({"size": True}, "size: expected one of 1, 2, got true"),
        ({"unit": "k"}, 'unit: expected one of "c", "f", 3, got "k"'),
        ({"amount": []}, "amount: expected a number or a string or null, got []"),
        ({"tree": {"label": "a", "children": [{}]}}, "tree.children.0.label: missing"),
        ({"pair": [1]}, "pair: expected at least 2 items"),
        ({"pair": ["x", "y"]}, 'pair.0: expected an integer, got "x"'),
        ({"scores": {"a": "b"}}, 'scores.a: expected an integer, got "b"'),
        ({"flags": [True, True]}, "flags: the items must all be different"),
        ({"even": 3}, "even: expected a multiple of 2, got 3"),
        ({"even": 2.5}, "even: expected an integer, got 2.5"),
        ({"even": True}, "even: expected an integer, got true"),
    ],
)
def test_what_does_not_fit(arguments: dict[str, Any], words: str) -> None:
    assert words in complaint(**arguments)


def test_all_complaints_come_at_once_but_not_hundreds() -> None:
    message = complaint(size=9, even=3, **{f"x{number}": 1 for number in range(100)})
    assert message.startswith("The arguments of book do not fit its schema: ")
    assert message.count(";") < 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "line 1, column 1"),
        ('{"city": "Oslo"', "line 1, column 16"),
        ('{"city": "Oslo"} done', "Extra data at line 1, column 18"),
        ('{"city": "Oslo"}{}', "Extra data"),
        ('{"city": NaN}', "NaN is not JSON"),
        ('{"city": -Infinity}', "-Infinity is not JSON"),
        ('{"city": "a", "city": "b"}', "the key 'city' appears twice"),
        ("{'city': 'Oslo'}", "double quotes"),
        ('["Oslo"]', "expected an object"),
        ("null", "expected an object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"city": ' + "1" * 5000 + "}", "digits"),
    ],
)
def test_anything_but_one_json_object_is_refused(arguments: str, words: str) -> None:
    for problem in (check_arguments(SPEC, arguments), check_json("book", arguments)):
        assert problem is not None
        assert problem.code == "invalid_json"
        assert words in problem.message
        assert len(problem.message) < 300


def test_a_schema_that_never_ends_is_a_problem_not_a_crash() -> None:
    spec = ToolSpec(
        name="loop", parameters={"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}
    )
    problem = check_arguments(spec, "{}")
    assert problem is not None
    assert "nested too deeply" in problem.message


@given(st.builds(Arguments, city=st.text()))
def test_what_pydantic_writes_fits_the_schema_pydantic_writes(value: Arguments) -> None:
    assert list(violations(json.loads(value.model_dump_json()), SPEC.parameters)) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 12) | st.floats(-3, 3) | st.sampled_from("cfkx"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=6,
)
ADAPTER = TypeAdapter(Arguments)


@given(st.dictionaries(st.sampled_from(sorted(Arguments.model_fields)), JSON))
def test_whatever_we_let_through_pydantic_takes(value: dict[str, Any]) -> None:
    try:
        ADAPTER.validate_json(json.dumps(value), strict=False)
        taken = True
    except ValidationError as error:
        # What the schema leaves to pydantic: dates, and what they look like.
        taken = all(item["loc"][0] == "when" for item in error.errors())
    if not taken:
        assert list(violations(value, SPEC.parameters))
