"""Reading JSON that nobody should send: nothing raises, and nothing odd gets further."""

from __future__ import annotations

import json

import pytest

from tui.providers.chat.decode import ChatDecoder
from tui.providers.fields import count, parse_object
from tui.providers.responses.decode import ResponsesDecoder
from tui.providers.stream import Decoder


def _nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize("depth", [100, 300, 450, 600, 800, 950, 5000])
@pytest.mark.parametrize(
    ("decoder", "around"),
    [
        (ChatDecoder("r"), '{"choices": [{"delta": {"annotations": [{"deep": HERE}]}}]}'),
        (
            ResponsesDecoder("r"),
            '{"type": "response.output_text.annotation.added", "annotation": {"deep": HERE}}',
        ),
    ],
)
def test_no_depth_of_json_breaks_a_decoder(decoder: Decoder, around: str, depth: int) -> None:
    decoder.decode("message", around.replace("HERE", _nested(depth)))


def test_as_deep_as_real_servers_go_is_read() -> None:
    assert parse_object(_nested(100)) == json.loads(_nested(100))
    many = json.dumps({"code": "[{(" * 1000 + '"]}' * 500, "lists": [[]] * 1000})
    assert parse_object(many) == json.loads(many)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_know_are_absent(number: str) -> None:
    assert parse_object(f'{{"n": {number}, "rest": 1}}') == {"n": None, "rest": 1}


def test_a_truth_is_no_count() -> None:
    assert count({"context_length": True}, "context_length") == 0
    assert count({"context_length": 7}, "context_length") == 7
