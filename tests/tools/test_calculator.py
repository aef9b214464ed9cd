"""The calculator agrees with Python on what is safe, and refuses the rest at once."""

from __future__ import annotations

import math
import re
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.core.errors import ToolError
from tui.tools.calculator import MAX_DIGITS, calculate

NUMBERS = st.one_of(
    st.integers(0, 10**6).map(str),
    st.floats(0, 1e6, allow_nan=False).map(repr),
    st.sampled_from(["pi", "e", "tau"]),
)


def combined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "//", "%"])
    return st.one_of(
        st.tuples(parts, operators, parts).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from("+-"), parts).map("".join),
        parts.map(lambda part: f"abs({part})"),
        st.tuples(parts, parts).map(lambda t: f"max({t[0]}, {t[1]})"),
    )


# Powers of plain numbers only: Python, asked for the same, has no bound.
POWERS = st.tuples(NUMBERS, st.integers(-3, 5)).map(lambda t: f"({t[0]} ** {t[1]})")
SAFE = st.recursive(NUMBERS | POWERS, combined, max_leaves=8)
PYTHON = {"pi": math.pi, "e": math.e, "tau": math.tau, "abs": abs, "max": max}


def outcome(expression: str) -> str | ToolError:
    try:
        return calculate(expression)
    except ToolError as error:
        return error


@given(SAFE)
def test_it_agrees_with_python(expression: str) -> None:
    try:
        expected = eval(expression, {"__builtins__": {}}, PYTHON)
    except (ZeroDivisionError, OverflowError):
        expected = None
    got = outcome(expression)
    too_large = isinstance(expected, int) and abs(expected) >= 10**MAX_DIGITS
    if expected is None or too_large or not math.isfinite(expected):
        assert isinstance(got, ToolError)
    elif isinstance(got, ToolError):
        assert re.search("too large|digits|characters", got.message)  # something on the way
    else:
        assert got == str(expected)


@given(st.text(alphabet="0123456789.+-*/%()**e, pisqrtround", max_size=60))
@settings(deadline=timedelta(seconds=5))
def test_any_text_is_answered_or_refused_soon(expression: str) -> None:
    got = outcome(expression)
    assert got.message if isinstance(got, ToolError) else float(got) is not None


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("17*23", "391"),
        (" 2 ** -1 ", "0.5"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("round(2.567, 2)", "2.57"),
        ("round(2.5)", "2"),
        ("round(1234, -2)", "1200"),
        ("sqrt(2) * sqrt(2)", repr(math.sqrt(2) ** 2)),
        ("min(3, 1, 2)", "1"),
        ("max(4)", "4"),
        ("log(8, 2)", "3.0"),
        ("1 ** 10**900", "1"),
        ("10 ** 999", "1" + "0" * 999),
    ],
)
def test_results(expression: str, result: str) -> None:
    assert calculate(expression) == result


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("9**9**9", "more than 1000 digits"),
        ("10**1000", "more than 1000 digits"),
        ("2**-2**5**7**9", "more than 1000 digits"),
        ("(10**999)*10", "more than 1000 digits"),
        ("round(5, -10**9)", "round takes"),
        ("9.9**9999", "too large"),
        ("1e308*10", "too large"),
        ("exp(1000)", "too large"),
        ("1/0", "Division by zero"),
        ("0**-1", "Division by zero"),
        ("(-8)**0.5", "not a real number"),
        ("sqrt(-1)", "No result"),
        ("1j", "not arithmetic"),
        ("True", "not arithmetic"),
        ("'a'*9", "not arithmetic"),
        ("2^8", "Powers are written **"),
        ("__import__('os').getcwd()", "not arithmetic"),
        ("(1).__class__", "not arithmetic"),
        ("[1 for _ in (1,)]", "not arithmetic"),
        ("abs(x=1)", "not arithmetic"),
        ("abs(1, 2)", "takes 1 arguments"),
        ("2 +", "Not an arithmetic expression"),
        ("", "Not an arithmetic expression"),
        ("1\x00", "Not an arithmetic expression"),
        ("(" * 500 + ")" * 500, "Not an arithmetic expression"),
        ("-" * 999 + "1", "nested too deeply"),
        ("1+" * 600 + "1", "at most 1000"),
    ],
)
def test_refusals_say_why(expression: str, words: str) -> None:
    with pytest.raises(ToolError, match=r"\.$") as caught:
        calculate(expression)
    assert words in caught.value.message
