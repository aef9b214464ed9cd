"""Configuration mistakes are sentences that name file, place, value and a way out."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config.catalog import describe
from tui.config.presets import PRESETS, address_source
from tui.config.settings_file import load_settings, parse_settings, profile_of, render_settings
from tui.core.errors import ConfigError
from tui.core.settings import Limits, Price, Profile, Settings

_NAMES = st.sampled_from(
    ["default_profile", "profiles", "limits", "sandbox", "x", "azure", "sandbox"]
    + [field.name for kind in (Profile, Limits, Price) for field in fields(kind)]
)


def _load(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def test_without_a_file_the_sandbox_is_the_default(tmp_path: Path) -> None:
    settings = load_settings(tmp_path / "absent.toml")
    assert settings.default_profile == "sandbox"
    assert profile_of(settings, None).embedded
    assert settings.limits.max_rounds == 50


def test_a_profile_with_everything(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    (tmp_path / "demo.toml").write_text("", encoding="utf-8")
    path.write_text(
        """
        default_profile = "work"
        [profiles.work]
        dialect = "azure"
        base_url = "https://example.test"
        api_version = "2024-05-01-preview"
        api_key_env = "WORK_KEY"
        assistant_id = "asst_1"
        model = "gpt-4o"
        read_timeout = 30
        headers = { X-Team = "blue" }
        options = { temperature = 0.2 }
        [limits]
        max_rounds = 7
        [sandbox]
        rate = 0
        scenario = "demo.toml"
        """,
        encoding="utf-8",
    )
    settings = load_settings(path)
    profile = profile_of(settings, None)
    assert (profile.name, profile.dialect, profile.read_timeout) == ("work", "azure", 30.0)
    assert profile.headers == {"X-Team": "blue"}
    assert settings.limits.max_rounds == 7
    assert settings.sandbox.scenario == tmp_path / "demo.toml"
    assert "sandbox" in settings.profiles


@pytest.mark.parametrize(
    ("text", "said", "hinted"),
    [
        ("default_profile = \n", "line 1", "Mend that line"),
        ("defualt_profile = 'x'", "defualt_profile is no setting", "default_profile"),
        ("default_profile = 'wrok'\n[profiles.work]\n", "'wrok'", "'work'"),
        ("[profiles.x]\nbase_ulr = 'x'", "profiles.x.base_ulr", "base_url"),
        (
            "[profiles.x]\nread_timeout = 'soon'",
            "profiles.x.read_timeout is 'soon'",
            "docs/configuration.md",
        ),
        ("[profiles.x]\nprotocol = 'telepathy'", "profiles.x.protocol is 'telepathy'", "chat"),
        ("[limits]\nmax_rounds = 1.5", "limits.max_rounds is 1.5", "docs/configuration.md"),
        (
            "[sandbox]\nrate = -3",
            "sandbox.rate is -3, but has to be at least 0",
            "docs/configuration.md",
        ),
        ("[limits]\nmax_rounds = 0", "limits.max_rounds is 0", "docs/configuration.md"),
        ("[sandbox]\nscenario = 'gone.toml'", "there is no such file", "relative"),
        ("profiles = 3", "profiles is 3, but has to be a table", "[profiles]"),
        ("[profiles]\nx = 3", "profiles.x is 3, but has to be a table", "[profiles.x]"),
    ],
)
def test_a_mistake_is_a_sentence(tmp_path: Path, text: str, said: str, hinted: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    assert said in caught.value.message
    assert hinted in caught.value.hint
    assert str(tmp_path) in caught.value.message


def test_an_unreadable_encoding_is_said(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not text in UTF-8"):
        load_settings(path)


def test_an_unknown_profile_names_the_near_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        profile_of(load_settings(tmp_path / "absent.toml"), "sandbix")
    assert caught.value.hint == "Did you mean 'sandbox'?"


_MANY = """
default_profile = "wrok"
[profiles.work]
protocol = "respones"
read_timeout = "soon"
api_key_env = "sk-abcdefgh12345678"
key_command = "pass 'x"
headers = { Authorization = 5 }
prices = { m = { inptu = 3 }, n = 4, o = { input = -1 } }
output_schema = "nowhere.json"
[profiles.other]
preset = "grok"
connect_timeout = nan
[limits]
max_token = 3
"""


def test_all_mistakes_are_said_at_once_each_with_its_way_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, _MANY)
    message = caught.value.message
    for said in (
        "default_profile is 'wrok', but there is no such profile. Did you mean 'work'?",
        "profiles.work.protocol is 'respones', which is none of its values. Did you mean 'resp",
        "profiles.work.read_timeout is 'soon', but has to be a number.",
        "profiles.work.api_key_env has to be the name of an environment variable",
        "profiles.work.key_command is no command that can be read.",
        "profiles.work.headers.Authorization is [hidden], but has to be a text in quotes",
        "profiles.work.prices.m.inptu is no setting. Did you mean 'input'?",
        "profiles.work.prices.n is 4, but has to be a table.",
        f"profiles.work.output_schema names {tmp_path / 'nowhere.json'}, but there is no such file",
        "profiles.other.preset is 'grok', but there is no such preset. Did you mean 'groq'?",
        "profiles.other.connect_timeout is nan, but has to be at least 0.1.",
        "limits.max_token is no setting. Did you mean 'max_tokens'?",
    ):
        assert said in message, said
    assert message.startswith("12 mistakes in ")
    assert len(message.splitlines()) == 13
    assert "sk-abcd" not in message


def test_a_page_of_mistakes_stays_a_page(tmp_path: Path) -> None:
    text = "[limits]\n" + "".join(f"a{number} = 1\n" for number in range(40))
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    assert caught.value.message.endswith("and 28 more.")
    assert len(caught.value.message.splitlines()) == 14


def test_a_negative_price_and_a_key_in_the_file_are_mistakes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"prices.m.output is -1, but has to be at least 0"):
        _load(tmp_path, "[profiles.x.prices.m]\noutput = -1")
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, "[profiles.x]\napi_key = 'sk-abcdefgh12345678'")
    assert "profiles.x.api_key is no setting" in caught.value.message
    assert "set-key" in caught.value.hint
    assert "abcdefgh" not in caught.value.message + caught.value.hint


def test_local_toml_goes_before_and_is_named_for_its_own_mistakes(tmp_path: Path) -> None:
    local = tmp_path / "local.toml"
    local.write_text(
        "default_profile = 'b'\n[profiles.a]\nmodel = 'new'\n[ui]\ntheme = 'x'\n"
        "[limits]\nmax_rounds = 3",
        encoding="utf-8",
    )
    text = "default_profile = 'a'\n[profiles.a]\nmodel = 'old'\ninstructions = 'Hi'\n[profiles.b]\n"
    settings = _load(tmp_path, text)
    assert settings.default_profile == "b"
    assert settings.limits.max_rounds == 3
    a = settings.profiles["a"]
    assert (a.model, a.instructions) == ("new", "Hi")

    local.write_text("[profiles.a]\nread_timeout = 'soon'", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"^{local}: profiles.a.read_timeout is 'soon'"):
        _load(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text + "read_timeout = 'late'")
    assert "config.toml: profiles.b.read_timeout is 'late'" in caught.value.message
    assert "local.toml: profiles.a.read_timeout is 'soon'" in caught.value.message
    local.write_text("a =\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"{local} is not valid TOML.*line 1"):
        _load(tmp_path, text)


def test_a_preset_supplies_what_is_not_given(tmp_path: Path) -> None:
    text = (
        "[profiles.fast]\npreset = 'groq'\nmodel = 'mine'\n[profiles.openai]\ninstructions = 'Hi'"
    )
    settings = _load(tmp_path, text)
    fast, own, groq = settings.profiles["fast"], settings.profiles["openai"], PRESETS["groq"]
    assert (fast.name, fast.model) == ("fast", "mine")
    assert (fast.protocol, fast.base_url, fast.api_key_env) == (
        groq.protocol,
        groq.base_url,
        groq.api_key_env,
    )
    assert (own.protocol, own.instructions, own.preset) == ("responses", "Hi", "openai")


_OPENAI_PROFILES = "[profiles.mine]\nprotocol = 'chat'\n[profiles.built]\npreset = 'openai'\n"


@pytest.mark.parametrize("variable", ["OPENAI_BASE_URL", ""])
def test_openai_is_where_its_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    if variable:
        monkeypatch.setenv(variable, "https://gateway.test/v1")
    expected = "https://gateway.test/v1" if variable else "https://api.openai.com/v1"
    settings = _load(
        tmp_path,
        _OPENAI_PROFILES + "[profiles.own]\npreset = 'openai'\nbase_url = 'https://own.test/v1'",
    )
    for name in ("openai", "mine", "built"):
        profile = profile_of(settings, name)
        assert profile.base_url == expected, name
        assert address_source(profile) == variable, name
    own = profile_of(settings, "own")
    assert (own.base_url, address_source(own)) == ("https://own.test/v1", "")
    assert profile_of(settings, "groq") == PRESETS["groq"]


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://name.openai.azure.com",
        "https://name.openai.azure.com/",
        "https://name.openai.azure.com/openai/v1/",
    ],
)
def test_azure_is_where_its_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    with pytest.raises(ConfigError, match="needs the address of your resource"):
        profile_of(load_settings(tmp_path / "absent.toml"), "azure")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", endpoint)
    settings = _load(tmp_path, "default_profile = 'azure'\n[profiles.mine]\npreset = 'azure'")
    for name in ("azure", "mine"):
        profile = profile_of(settings, name)
        assert profile.base_url == "https://name.openai.azure.com/openai/v1"
        assert address_source(profile) == "AZURE_OPENAI_ENDPOINT"


def test_a_preset_is_a_profile_without_any_configuration(tmp_path: Path) -> None:
    settings = load_settings(tmp_path / "absent.toml")
    assert profile_of(settings, "groq") == PRESETS["groq"]
    assert _load(tmp_path, "default_profile = 'ollama'").default_profile == "ollama"
    with pytest.raises(ConfigError) as caught:
        profile_of(settings, "olama")
    assert caught.value.hint == "Did you mean 'ollama'?"


def test_azure_has_an_address_of_ones_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="address of your resource") as caught:
        profile_of(load_settings(tmp_path / "absent.toml"), "azure")
    assert "profiles.azure.base_url" in caught.value.hint
    with pytest.raises(ConfigError, match="needs the address") as caught:
        _load(tmp_path, "default_profile = 'azure'")
    assert "base_url" in caught.value.hint
    with pytest.raises(ConfigError, match=r"profiles.work.base_url is missing"):
        _load(tmp_path, "[profiles.work]\npreset = 'azure'")


def test_json_output_becomes_a_response_format(tmp_path: Path) -> None:
    schema = {"title": "A person", "type": "object", "additionalProperties": False}
    (tmp_path / "person.json").write_text(json.dumps(schema), encoding="utf-8")
    text = (
        "[profiles.a]\noutput = 'json'\noptions = { seed = 1 }\n"
        "[profiles.b]\noutput_schema = 'person.json'"
    )
    settings = _load(tmp_path, text)
    assert settings.profiles["a"].options == {
        "seed": 1,
        "response_format": {"type": "json_object"},
    }
    assert settings.profiles["b"].options["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "A_person", "schema": schema, "strict": True},
    }
    again = _load(tmp_path, render_settings(settings))
    assert again == settings


@pytest.mark.parametrize(
    ("text", "said"), [("{", "is no JSON"), ("[1]", "is no JSON schema"), ("{}", "no JSON schema")]
)
def test_a_schema_has_to_be_one(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "s.json").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        _load(tmp_path, "[profiles.x]\noutput_schema = 's.json'")


def test_a_login_in_an_address_is_not_shown(tmp_path: Path) -> None:
    settings = _load(tmp_path, "[profiles.x]\nbase_url = 'https://me:known-secret@host/v1@2'")
    assert settings.profiles["x"].base_url == "https://me:known-secret@host/v1@2"
    info = describe(settings.profiles["x"])
    for said in (render_settings(settings), repr(info)):
        assert "https://host/v1@2" in said
        assert "known-secret" not in said


def test_prices_are_per_model(tmp_path: Path) -> None:
    text = '[profiles.x.prices."gpt-5.5"]\ninput = 2\noutput = 8\ncached = 0.5'
    prices = _load(tmp_path, text).profiles["x"].prices
    assert prices == {"gpt-5.5": Price(input=2, output=8, cached=0.5)}


def test_a_price_is_shown_whatever_its_model_is_called(tmp_path: Path) -> None:
    settings = _load(tmp_path, "[profiles.x.prices.one-token]\ninput = 2.5\noutput = 8.5")
    assert "2.5" in render_settings(settings)


_TOML = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(data=st.dictionaries(_NAMES, _TOML, max_size=4))
def test_whatever_the_file_says_it_is_settings_or_sentences(data: dict[str, Any]) -> None:
    try:
        settings = parse_settings(data, Path("config.toml"))
    except ConfigError as error:
        said = error.message
    else:
        assert settings.default_profile in {**PRESETS, **settings.profiles}
        said = ""
    assert len(said.splitlines()) <= 14


_KEY = "sk-proj-abcdef1234567890"


@pytest.mark.parametrize(
    "text",
    [
        f"headers = 'Authorization: Bearer {_KEY}'",
        f"headers = ['Authorization: Bearer {_KEY}']",
        f"model = {{key = '{_KEY}'}}",
        f"options = 'my key is {_KEY}'",
    ],
)
def test_a_key_in_the_wrong_place_is_not_quoted(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, f"[profiles.x]\n{text}")
    assert "[hidden]" in caught.value.message
    assert "abcdef" not in caught.value.message


def test_no_credential_is_shown_however_deep_it_is(tmp_path: Path) -> None:
    settings = _load(
        tmp_path,
        f"""
        [profiles.x]
        key_command = "echo {_KEY}"
        instructions = "You are the bearer of good news."
        hosted_tools = [
          {{type = "mcp", server_url = "https://x.test", authorization = "tkn-1"}},
          {{type = "mcp", headers = {{X-Api-Key = "tkn-2"}}}},
        ]
        options = {{metadata = {{secret = "tkn-3"}}}}
        """,
    )
    shown = render_settings(settings)
    assert "tkn-" not in shown
    assert "abcdef" not in shown
    assert "https://x.test" in shown
    assert "bearer of good news" in shown


@pytest.mark.parametrize(
    "address",
    ["nowhere", "ftp://host/v1", "http://[::1", "http://host:99999/v1", "https:///v1", "http://"],
)
def test_an_address_that_is_none_is_said_before_it_is_used(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigError, match=r"profiles\.x\.base_url .*has to be an address"):
        _load(tmp_path, f"[profiles.x]\nbase_url = '{address}'")


def test_a_mark_of_the_byte_order_is_not_part_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf[limits]\nmax_rounds = 7\n")
    assert load_settings(path).limits.max_rounds == 7


def test_what_the_app_remembered_and_is_gone_says_how_to_forget_it(tmp_path: Path) -> None:
    """F2 wrote it there, so nobody knows of that file."""
    local = tmp_path / "local.toml"
    local.write_text("default_profile = 'work'\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, "")
    assert str(local) in caught.value.message
    assert "tickertape config unset default_profile" in caught.value.hint
    local.write_text("default_profile = 'work'\n[limits]\nmax_rounds = 0\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"config unset limits\.max_rounds"):
        _load(tmp_path, "")
