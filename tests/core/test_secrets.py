"""Keys are found in any spelling, and words that are no keys are left alone."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.core.secrets import is_secret, pattern_of

KEY = "sk-proj-Zq81+secret/0123456789"


def redacted(text: str, *secrets: str) -> str:
    pattern = pattern_of(secrets)
    return text if pattern is None else pattern.sub("#", text)


@pytest.mark.parametrize(
    "said",
    [
        KEY,
        quote(KEY, safe=""),
        KEY[:14] + "***********6789",
        base64.b64encode(KEY.encode()).decode(),
        KEY[:13],
    ],
)
def test_every_spelling_is_found(said: str) -> None:
    assert redacted(f"the key {said}, then", KEY) == "the key #, then"


@given(st.binary(max_size=9), st.binary(max_size=9))
def test_base64_that_holds_it_does_not_tell_it(before: bytes, after: bytes) -> None:
    told = redacted(base64.b64encode(before + KEY.encode() + after).decode(), KEY)
    assert "#" in told
    assert base64.b64encode(KEY.encode()).decode()[4:20] not in told


def test_how_all_keys_of_a_kind_begin_is_no_secret() -> None:
    said = "Keys begin with sk-proj- or sk-."
    assert redacted(said, KEY) == said


def test_a_short_one_is_found_as_it_is_and_no_more() -> None:
    assert redacted("shore short shorter", "short") == "shore # #er"
    assert pattern_of([]) is None
    assert pattern_of([""]) is None


def test_words_in_the_place_of_a_key_are_no_secrets() -> None:
    assert not is_secret("lm-studio")
    assert is_secret("k3y-of-8x")


@pytest.mark.parametrize(
    "key",
    ["development-key-0001", "Production_master_2026", "localhost1234567890", "not needed here"],
)
def test_a_key_made_of_words_does_not_take_the_words_away(key: str) -> None:
    said = "In development, not in Production, at localhost; not needed."
    assert redacted(said, key) == said
    assert redacted(f"It is {key}, then", key) == "It is #, then"
