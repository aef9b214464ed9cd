"""What a profile may say: its key, its headers, its options, the shape of its answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config.options import unknown_options
from tui.config.schemas import shape
from tui.config.settings_file import load_settings, profile_of, render_settings
from tui.core.errors import ConfigError
from tui.core.settings import Settings


def load(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def mistake(tmp_path: Path, text: str) -> str:
    """The sentence and the hint."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return f"{caught.value.message} {caught.value.hint}"


# --- keys and headers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "variable"),
    [
        ("base_url = 'http://127.0.0.1:8199/v1'", ""),
        ("base_url = 'https://api.openai.com.evil.test/v1'", ""),
        ("base_url = 'https://me@gateway.test/api.openai.com'", ""),
        ("base_url = 'https://api.groq.com/openai/v1'", "GROQ_API_KEY"),
        ("base_url = 'https://api.openai.com/v1'", "OPENAI_API_KEY"),
        ("base_url = 'https://mine.openai.azure.com'\ndialect = 'azure'", "AZURE_OPENAI_API_KEY"),
        ("base_url = 'https://own.test/v1'\napi_key_env = 'OWN'", "OWN"),
        ("base_url = 'https://own.test/v1'\npreset = 'groq'", "GROQ_API_KEY"),
        ("model = 'x'", "OPENAI_API_KEY"),
    ],
)
def test_a_key_is_for_its_own_host_unless_it_is_said_otherwise(
    tmp_path: Path, said: str, variable: str
) -> None:
    assert profile_of(load(tmp_path, f"[profiles.x]\n{said}"), "x").api_key_env == variable


@pytest.mark.parametrize(
    "header",
    [
        "Authorization = 'Bearer abc'",
        "X-Api-Key = 'abc'",
        "x-auth-token = 'abc'",
        "Cookie = 'a=b'",
        "X-Team = 'sk-abcdefgh12345678'",
    ],
)
def test_a_credential_in_a_header_is_refused_with_the_way_out(tmp_path: Path, header: str) -> None:
    said = mistake(tmp_path, f"[profiles.x.headers]\n{header}")
    name, _, value = header.partition(" = ")
    assert f"profiles.x.headers.{name} holds a credential" in said
    assert f'{name} = "env:NAME"' in said
    assert value.strip("'") not in said


def test_a_header_may_name_a_variable_and_is_shown_so(tmp_path: Path) -> None:
    text = "[profiles.x.headers]\nAuthorization = 'env:MY_LOGIN'\nX-Author = 'me'"
    settings = load(tmp_path, text)
    assert settings.profiles["x"].headers == {"Authorization": "env:MY_LOGIN", "X-Author": "me"}
    assert 'Authorization = "env:MY_LOGIN"' in render_settings(settings)


@pytest.mark.parametrize("value", ["env:", "env:a b", "env:sk-abcdefgh12345678"])
def test_what_names_no_variable_is_told(tmp_path: Path, value: str) -> None:
    said = mistake(tmp_path, f"[profiles.x.headers]\nX-Key = '{value}'")
    assert "does not name an environment variable" in said
    assert "abcdefgh" not in said


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("temprature = 1", "temprature is no option. Did you mean 'temperature'?"),
        ("max_token = 5", "max_token is no option. Did you mean 'max_tokens'?"),
        ("temperature = 'hot'", "temperature is 'hot', but has to be a number"),
        ("temperature = true", "temperature is True, but has to be a number"),
        ("seed = 1.5", "seed is 1.5, but has to be a whole number"),
        ("parallel_tool_calls = 'no'", "parallel_tool_calls is 'no', but has to be true or false"),
        ("reasoning_effort = 3", "reasoning_effort is 3, but has to be a text in quotes"),
        ("stop = 3", "stop is 3, but has to be a text in quotes, or a list of them"),
        ("logit_bias = []", "logit_bias is [], but has to be a table"),
        ("model = 'x'", "options.model is no option"),
    ],
)
def test_an_option_that_cannot_be_meant_is_a_mistake(
    tmp_path: Path, option: str, said: str
) -> None:
    assert said in mistake(tmp_path, f"[profiles.x.options]\n{option}")


def test_options_that_nobody_knows_go_out_and_are_remarked(tmp_path: Path) -> None:
    text = """
        [profiles.x.options]
        temperature = 1
        top_p = 0.5
        seed = 3
        stop = ["a", "b"]
        tool_choice = "required"
        top_n = 3
        do_sample = true
    """
    profile = load(tmp_path, text).profiles["x"]
    assert unknown_options(profile) == ["top_n", "do_sample"]
    assert profile.options["do_sample"] is True


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("tools = 'yes'", "tools is 'yes', but has to be true or false"),
        ("keyring = 1", "keyring is 1, but has to be true or false"),
        ("read_timeout = true", "read_timeout is True, but has to be a number"),
        ("context_window = '4096'", "context_window is '4096', but has to be a whole number"),
        ("prices = {m = {input = true}}", "prices.m.input is True, but has to be a number"),
        ("base_url = 'localhost:8080/v1'", "base_url is 'localhost:8080/v1', but has to be an"),
    ],
)
def test_values_are_what_they_look_like(tmp_path: Path, setting: str, said: str) -> None:
    said_first = "defualt_profile = 'x'"
    message = mistake(tmp_path, f"{said_first}\n[profiles.x]\n{setting}")
    assert said in message
    assert "defualt_profile is no setting" in message, "with all the others"


def test_a_whole_number_is_a_number_and_a_date_a_version(tmp_path: Path) -> None:
    text = "[profiles.x]\nread_timeout = 30\napi_version = 2024-05-01\nprices = {m = {input = 2}}"
    profile = load(tmp_path, text).profiles["x"]
    assert (profile.read_timeout, profile.api_version) == (30.0, "2024-05-01")
    assert profile.prices["m"].input == 2.0


def test_tables_without_end_are_a_sentence_without_what_is_in_them(tmp_path: Path) -> None:
    deep = "[" * 220 + "]" * 220
    said = mistake(tmp_path, f"[profiles.x]\nmodel = 'known'\noptions = {{stop = {deep}}}")
    assert "too deep within each other" in said
    assert "known" not in said


# --- schemas --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "strng"}, 'type is "strng", which is no type'),
        ({"properties": {"a": {"type": "int"}}}, 'properties.a.type is "int", which is no type'),
        ({"items": {"anyOf": [{"type": 3}]}}, "items.anyOf.0.type is 3"),
        ({"type": ["string", "nul"]}, 'type is "nul"'),
        ({"$defs": {"a": {"items": [{"type": "x"}]}}}, "$defs.a.items.0.type"),
        ({"properties": {"a": "string"}}, 'properties.a is "string", but has to be an object'),
        ({"properties": ["a"]}, 'properties is ["a"], but has to be an object'),
        ({"required": "a"}, "required has to be a list of names"),
    ],
)
def test_a_schema_that_no_server_understands_is_told(
    tmp_path: Path, schema: dict[str, Any], said: str
) -> None:
    (tmp_path / "s.json").write_text(json.dumps(schema), encoding="utf-8")
    found = mistake(tmp_path, "[profiles.x]\noutput_schema = 's.json'")
    assert "profiles.x.output_schema cannot be used" in found
    assert said in found
    assert "integer" in found, "the types there are"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "null"], "enum": ["a", None]},
        {"properties": {"type": {"type": "string"}, "items": {"const": 1}}, "required": ["type"]},
        {"type": "array", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": True}},
        {"additionalProperties": False, "not": {}, "description": "type"},
    ],
)
def test_a_schema_that_is_one_is_taken(tmp_path: Path, schema: dict[str, Any]) -> None:
    (tmp_path / "s.json").write_text(json.dumps(schema), encoding="utf-8")
    assert shape(tmp_path / "s.json")["json_schema"]["schema"] == schema


_WORDS = st.sampled_from(["type", "properties", "items", "anyOf", "required", "not", "a"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["string", "object", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
)


@given(schema=_JSON)
def test_any_json_is_a_schema_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, schema: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(schema), encoding="utf-8")
    try:
        said = shape(path)["type"]
    except ConfigError as error:
        said = error.message
    assert said == "json_schema" or str(path) in said


# --- the file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[profiles.x]\nmodel = 'a'\nmodel = 'sk-abcdefgh1234'\n", "line 3, column 26): model is"),
        ("[profiles.x]\nmodel = 'a'\nmodel = 'b'", "end of document): model is there already"),
        ("[limits]\n[profiles.x]\n[limits]\n", "(at line 3, column 8): [limits] is there already"),
        ("options = {a = 1, a = 2}\n", "Duplicate inline table key 'a'"),
        ("[profiles.x]\nmodel = 'sk-abcdefgh\n", "end of document). Mend"),
    ],
)
def test_what_is_there_twice_is_named(tmp_path: Path, text: str, said: str) -> None:
    found = mistake(tmp_path, text)
    assert said in found
    assert "abcdefgh" not in found


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("nope", "There are: sandbox, openai"),
        ("x", "There are: sandbox, openai"),
        ("anth", "Did you mean 'anthropic'?"),
        ("grok", "Did you mean 'groq'?"),
        ("lama.cpp", "Did you mean 'llamacpp'?"),
    ],
)
def test_a_near_name_is_really_near(tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        profile_of(load(tmp_path, ""), name)
    assert hint in caught.value.hint
