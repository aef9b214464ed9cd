"""What can be talked to: profiles, what is found on this machine, and choosing among them."""

from __future__ import annotations

import asyncio
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.toolset import FakeToolset
from tui.config.catalog import ConfigCatalog, SettingsInForce
from tui.config.presets import PRESETS
from tui.config.settings_file import load_settings, profile_of
from tui.core.errors import ConfigError
from tui.core.models import ModelInfo
from tui.core.settings import Profile

_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
_MODELS = _OK + b'{"object": "list", "data": [{"id": "llama3.2:1b"}, {"id": "other"}]}'


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of this machine's own servers is asked."""
    hosted = {name: each for name, each in PRESETS.items() if "127.0.0.1" not in str(each.base_url)}
    _use(monkeypatch, hosted)


def _use(monkeypatch: pytest.MonkeyPatch, presets: Mapping[str, Profile]) -> None:
    monkeypatch.setattr("tui.config.catalog.PRESETS", presets)


@asynccontextmanager
async def _serving(answer: bytes | None) -> AsyncIterator[str]:
    """The base URL of a server that says this to everything, or nothing at all, ever."""
    over = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await over.wait()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        over.set()


def _catalog(tmp_path: Path, text: str = "") -> tuple[ConfigCatalog, SettingsInForce]:
    config = tmp_path / "config.toml"
    config.write_text(text, encoding="utf-8")
    current = SettingsInForce(load_settings(config))

    async def models(name: str) -> Sequence[ModelInfo]:
        return (ModelInfo(id=f"model of {profile_of(current.value, name).name}"),)

    local = tmp_path / "local.toml"
    return ConfigCatalog(current, FakeToolset({}), local=local, models=models), current


async def test_the_default_comes_first(tmp_path: Path) -> None:
    text = "default_profile = 'b'\n[profiles.a]\n[profiles.b]\npreset = 'groq'\n"
    catalog, _ = _catalog(tmp_path, text + "prices.m.input = 2")
    first, *others = await catalog.profiles()
    assert [first.name, *(each.name for each in others)] == ["b", "sandbox", "a"]
    assert first.model == PRESETS["groq"].model
    assert first.prices["m"].input == 2
    assert first.problem is not None
    assert "GROQ_API_KEY is not set" in first.problem.message


@pytest.mark.parametrize(
    ("key", "asks"),
    [("api_key_env = ''", False), ("key_command = 'false'", True), ("keyring = true", True)],
)
async def test_a_key_that_may_disturb_somebody_is_told_apart(
    tmp_path: Path, key: str, asks: bool
) -> None:
    text = f"default_profile = 'a'\n[profiles.a]\npreset = 'groq'\ncontext_window = 9\n{key}\n"
    catalog, _ = _catalog(tmp_path, text)
    first = (await catalog.profiles())[0]
    assert (first.name, first.asks, first.context_window) == ("a", asks, 9)


async def test_a_default_that_is_a_preset_is_listed(tmp_path: Path) -> None:
    catalog, _ = _catalog(tmp_path, "default_profile = 'groq'")
    assert [each.name for each in await catalog.profiles()] == ["groq", "sandbox"]


async def test_keys_in_the_environment_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "known-fake-key")
    monkeypatch.setenv("OPENAI_API_KEY", " ")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "no address, no use")
    catalog, _ = _catalog(tmp_path)
    (found,) = await catalog.discover()
    assert (found.name, found.configured, found.found) == ("groq", False, "GROQ_API_KEY is set")
    assert found.problem is None
    assert "known-fake-key" not in repr(found)


async def test_azure_is_found_once_its_address_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "known-fake-key")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://name.openai.azure.com")
    catalog, _ = _catalog(tmp_path)
    (found,) = await catalog.discover()
    assert (found.name, found.problem) == ("azure", None)
    assert found.detail == "https://name.openai.azure.com/openai/v1"


@pytest.mark.parametrize("text", ["[profiles.groq]", "[profiles.fast]\npreset = 'groq'"])
async def test_what_is_configured_is_not_found_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "known-fake-key")
    catalog, _ = _catalog(tmp_path, text)
    assert await catalog.discover() == ()


async def test_a_local_server_is_found_with_its_first_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _serving(_MODELS) as url, _serving(None) as silent, _serving(_MODELS[:60]) as cut:
        ollama, lmstudio, vllm = (PRESETS[name] for name in ("ollama", "lmstudio", "vllm"))
        here = {
            "lmstudio": replace(lmstudio, base_url=silent),
            "vllm": replace(vllm, base_url=cut),
            "ollama": replace(ollama, base_url=url),
        }
        _use(monkeypatch, here)
        catalog, _ = _catalog(tmp_path)
        began = time.monotonic()
        (found,) = await catalog.discover()
        took = time.monotonic() - began
    assert (found.name, found.model) == ("ollama", "llama3.2:1b")
    assert found.found == f"answers at {url.removeprefix('http://').removesuffix('/v1')}"
    assert not found.configured
    assert took < 2  # 0.3 s, and what a busy machine adds: the silent one never answers


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\n\r\n" + _MODELS[len(_OK) :],
        b"HTTP/1.1 401 Unauthorized\r\n\r\n{}",
        _OK + b"<html>hello</html>",
        _OK + b"[]",
        _OK + b'{"data": 3}',
        _OK + b"\xff\xfe",
        b"220 smtp ready\r\n\r\n",
        b"no end of a head",
        b"",
    ],
)
async def test_other_servers_on_these_ports_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    async with _serving(answer) as url:
        _use(monkeypatch, {"vllm": replace(PRESETS["vllm"], base_url=url)})
        catalog, _ = _catalog(tmp_path)
        assert await catalog.discover() == ()


async def test_a_server_without_a_model_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _serving(_OK + b'{"data": []}') as url:
        _use(monkeypatch, {"ollama": replace(PRESETS["ollama"], base_url=url)})
        catalog, _ = _catalog(tmp_path)
        (found,) = await catalog.discover()
    assert (found.name, found.model) == ("ollama", "")


async def test_models_are_asked_of_the_profile(tmp_path: Path) -> None:
    catalog, _ = _catalog(tmp_path)
    assert await catalog.models("groq") == (ModelInfo(id="model of groq"),)
    with pytest.raises(ConfigError, match="no profile 'grog'"):
        await catalog.models("grog")


async def test_a_new_default_holds_at_once_and_at_the_next_start(tmp_path: Path) -> None:
    text = "default_profile = 'sandbox'  # mine\n"
    catalog, current = _catalog(tmp_path, text)
    await catalog.make_default("ollama", "llama3.2:1b")
    for settings in (current.value, load_settings(tmp_path / "config.toml")):
        profile = profile_of(settings, None)
        assert (profile.name, profile.model) == ("ollama", "llama3.2:1b")
        assert profile.base_url == PRESETS["ollama"].base_url
        assert profile.read_timeout == 300
    assert next(each.name for each in await catalog.profiles()) == "ollama"
    assert (tmp_path / "config.toml").read_text(encoding="utf-8") == text
    assert tomllib.loads((tmp_path / "local.toml").read_text(encoding="utf-8")) == {
        "default_profile": "ollama",
        "profiles": {"ollama": {"model": "llama3.2:1b"}},
    }


async def test_a_default_without_a_model_keeps_its_own(tmp_path: Path) -> None:
    catalog, current = _catalog(tmp_path)
    await catalog.make_default("groq")
    for settings in (current.value, load_settings(tmp_path / "config.toml")):
        assert profile_of(settings, None) == PRESETS["groq"]


async def test_a_default_that_does_not_exist_or_cannot_be_written_changes_nothing(
    tmp_path: Path,
) -> None:
    catalog, current = _catalog(tmp_path)
    with pytest.raises(ConfigError, match="no profile 'grog'"):
        await catalog.make_default("grog")
    (tmp_path / "local.toml").mkdir()
    with pytest.raises(ConfigError, match=r"local.toml cannot be read"):
        await catalog.make_default("groq")
    assert current.value.default_profile == "sandbox"


def test_every_preset_is_one_that_can_be_talked_to() -> None:
    for name, preset in PRESETS.items():
        assert (preset.name, preset.preset) == (name, name)
        local = "127.0.0.1" in str(preset.base_url)
        assert local == (preset.read_timeout == 300)
        assert (preset.model is None) == (local or name == "azure")
        assert bool(preset.api_key_env) == (not local and not preset.embedded)
        assert (
            preset.embedded or local or str(preset.base_url).startswith("https") or name == "azure"
        )
    assert set(PRESETS) == {
        *("openai", "azure", "ollama", "llamacpp", "lmstudio", "vllm", "openrouter", "groq"),
        *("deepseek", "xai", "mistral", "gemini", "anthropic", "sandbox"),
    }


async def test_finding_imports_nothing_heavy() -> None:
    code = (
        "import asyncio, sys, tui.config.discovery as d, tui.config.presets as p\n"
        "asyncio.run(d.answering(p.PRESETS.values()))\n"
        "heavy = {'httpx2', 'openai', 'pydantic', 'keyring', 'http.client'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await process.wait() == 0
