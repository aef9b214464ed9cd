"""Which tools a message gets called, and above all which it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sandbox.driving import BUILTIN, NUMBER, STRING, tool
from tui.sandbox.choose import choose_calls

WEATHER = tool(
    "get_weather",
    "Get the current weather for a city.",
    "city",
    city=STRING,
    unit={"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
)
FORECAST = tool("get_forecast", "The weather of the next days in a city.", "city", city=STRING)
EMAIL = tool(
    "send_email",
    "Send an email to someone.",
    "to subject body",
    to={"type": "string", "format": "email"},
    subject=STRING,
    body=STRING,
    urgent={"type": "boolean", "default": False},
)
READ_EMAIL = tool("read_email", "Read the emails in the inbox.")
SEARCH = tool(
    "search_docs",
    "Search the documentation.",
    "query",
    query=STRING,
    limit={"type": "integer", "minimum": 1, "maximum": 10, "default": 5},
)
CONVERT = tool(
    "convert_currency",
    "Convert an amount between currencies.",
    "amount from_currency to_currency",
    amount=NUMBER,
    from_currency=STRING,
    to_currency=STRING,
)
ADD = tool("add", "Add two numbers.", "a b", a=NUMBER, b=NUMBER)
LIST = tool("list", "List what there is.")
ALL = (*BUILTIN, WEATHER, FORECAST, EMAIL, READ_EMAIL, SEARCH, CONVERT, ADD, LIST)

Calls = list[list[tuple[str, dict[str, Any]]]]


def chosen(text: str, choice: Any = None) -> Calls:
    return [
        [(call.name, json.loads(call.arguments)) for call in group]
        for group in choose_calls(text, ALL, choice)
    ]


def time_in(zone: str) -> tuple[str, dict[str, Any]]:
    return ("current_time", {"timezone": zone})


def result_of(expression: str) -> tuple[str, dict[str, Any]]:
    return ("calculate", {"expression": expression})


def weather(city: str, unit: str = "celsius") -> tuple[str, dict[str, Any]]:
    return ("get_weather", {"city": city, "unit": unit})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "How are you today?",
        "Write me a haiku about the sea",
        "Explain time complexity",
        "what is a list?",
        "Give me an example of recursion in Python",
        "What is the current state of AI?",
        "Tell me about Tokyo",
        "What is the best time to visit Paris?",
        "The last time I was in Rome it rained",
        "I have 3 cats and 24/7 noise",
        "Which tools do you have?",
        "don't use calculate, just tell me what multiplication is",
        "Say nothing about the weather, without calling get_weather",
        'Translate "what time is it in Rome?"',
        "```\ncurrent_time()\n```\nReview this code",
    ],
)
def test_what_has_nothing_to_do_with_a_tool_calls_none(text: str) -> None:
    assert chosen(text) == []


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("What's the time?", [time_in("UTC")]),
        ("Is it late? Tell me the time in Kabul!", [time_in("Kabul")]),
        ("what time is it in new york", [time_in("America/New_York")]),
        ("current_time(timezone=Europe/Oslo)", [time_in("Europe/Oslo")]),
        ("Use `current_time` for Asia/Seoul", [time_in("Asia/Seoul")]),
        ("what is 17 times 23?", [result_of("17 * 23")]),
        ("Can you calculate the square root of 16?", [result_of("16**0.5")]),
        ("How much is 20% of 50 and 3 plus 4?", [result_of("20/100 * 50"), result_of("3 + 4")]),
        ("use the calculate tool", [result_of("1+1")]),
        (
            "weather in Paris and New York in fahrenheit",
            [weather("Paris", "fahrenheit"), weather("New York", "fahrenheit")],
        ),
        (
            "What is the weather in Rome and the time in Tokyo?",
            [weather("Rome"), time_in("Asia/Tokyo")],
        ),
        (
            "In Tokyo, what time is it and how is the weather?",
            [time_in("Asia/Tokyo"), weather("Tokyo")],
        ),
        (
            "search the docs for python decorators",
            [("search_docs", {"query": "python decorators", "limit": 5})],
        ),
        ("search docs for 'a' with a limit of 3", [("search_docs", {"query": "a", "limit": 3})]),
        ("add 2 and 3, and 4 and 5", [("add", {"a": 2, "b": 3}), ("add", {"a": 4, "b": 5})]),
        ("add 2, 3 and 4", [("add", {"a": 2, "b": 3})]),
        (
            "convert to EUR from USD 50.5",
            [("convert_currency", {"amount": 50.5, "from_currency": "USD", "to_currency": "EUR"})],
        ),
        (
            'Send an email to bob@example.com with subject "Hi" and body "See you at 5"',
            [
                (
                    "send_email",
                    {
                        "to": "bob@example.com",
                        "subject": "Hi",
                        "body": "See you at 5",
                        "urgent": False,
                    },
                )
            ],
        ),
        ("read my emails", [("read_email", {})]),
        ("call list", [("list", {})]),
        ("Get the forecast for Oslo", [("get_forecast", {"city": "Oslo"})]),
    ],
)
def test_what_is_asked_for_is_called(text: str, calls: list[tuple[str, dict[str, Any]]]) -> None:
    assert chosen(text) == [calls]


def test_then_means_one_after_another() -> None:
    assert chosen("weather in Oslo, then calculate 2+2, and then the time in London") == [
        [weather("Oslo")],
        [result_of("2+2")],
        [time_in("Europe/London")],
    ]
    assert chosen('Search the docs for "if then else"') == [
        [("search_docs", {"query": "if then else", "limit": 5})]
    ]


def test_tool_choice_overrides_what_is_mentioned() -> None:
    assert chosen("what is 1+1?", "none") == []
    assert [call[0] for call in chosen("hello", "required")[0]] == ["current_time"]
    named = {"type": "function", "function": {"name": "add"}}
    assert chosen("6 and 7", named) == [[("add", {"a": 6, "b": 7})]]
    assert chosen("6 and 7", {"type": "function", "function": {"name": "gone"}}) == []


def test_a_long_message_is_read_quickly_at_both_ends() -> None:
    filler = "((((((((((1 - " * 20_000
    assert chosen(f"{filler}\nWhat time is it in Rome?")[-1][-1] == time_in("Europe/Rome")


@given(st.text(max_size=200), st.sampled_from([None, "required"]))
def test_any_text_gives_valid_calls(text: str, choice: Any) -> None:
    for group in choose_calls(text, ALL, choice):
        assert group
        for call in group:
            spec = next(each for each in ALL if each.name == call.name)
            assert set(spec.parameters["required"]) <= json.loads(call.arguments).keys()
