"""``tickertape config``, and the options that choose a profile, a model, a file of variables."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import stat
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import keyring
import pytest
from click.testing import CliRunner

from tests.cli.conftest import Tickertape
from tests.cli.terminal import Terminal
from tests.config.test_secrets import MemoryKeyring
from tests.providers.http_peer import HttpPeer, Reply, Request
from tui.cli.context import Context
from tui.cli.main import cli
from tui.config.options import UNKNOWN
from tui.config.presets import PRESETS
from tui.core.errors import ConfigError


@pytest.fixture
def config_dir() -> Path:
    """Where the two files are."""
    path = Path(os.environ["TICKERTAPE_HOME"]) / "config"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def memory() -> Iterator[MemoryKeyring]:
    """A keyring for this test only."""
    before, backend = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def _in_here(*arguments: str, stdin: str = "") -> str:
    """What the command prints, run in this process, where the keyring is."""
    result = CliRunner().invoke(
        cli, arguments, input=stdin, obj=Context(), catch_exceptions=False, standalone_mode=False
    )
    return result.output


def test_set_show_unset(tickertape: Tickertape, config_dir: Path) -> None:
    text = "# mine\n[profiles.work]\nmodel = 'old'\n"
    (config_dir / "config.toml").write_text(text, encoding="utf-8")
    done = tickertape("config", "set", "profiles.work.model", "new")
    assert (done.returncode, done.stderr) == (0, "")
    _in_here("config", "set", "default_profile", "work")
    shown = _in_here("config", "show")
    head = shown.splitlines()[:3]
    assert head[0] == f"# Set in {config_dir / 'local.toml'}:"
    assert set(head[1:]) == {"#   profiles.work.model", "#   default_profile"}
    assert tomllib.loads(shown)["profiles"]["work"]["model"] == "new"
    _in_here("config", "unset", "profiles.work.model")
    shown = _in_here("config", "show")
    assert tomllib.loads(shown)["profiles"]["work"]["model"] == "old"
    assert (config_dir / "config.toml").read_text(encoding="utf-8") == text
    assert stat.S_IMODE((config_dir / "local.toml").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["set", "limits.max_rounds", "0"], "limits.max_rounds is 0, but has to be at least 1"),
        (["set", "profiles.x.api_key", "sk-known-fake"], "set-key"),
        (["unset", "limits.max_rounds"], "says nothing about limits.max_rounds"),
        (["set-key", "sandbox"], "wants no key"),
        (["set-key", "grog"], "Did you mean 'groq'?"),
    ],
)
def test_what_cannot_be_is_a_sentence(arguments: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _in_here("config", *arguments)
    sentence = f"{caught.value.message} {caught.value.hint}"
    assert said in sentence
    assert "sk-known" not in sentence


def test_all_mistakes_are_printed_at_once(tickertape: Tickertape, config_dir: Path) -> None:
    text = "[profiles.x]\nprotocol = 'respones'\nread_timeout = 'soon'\n[limts]\n"
    (config_dir / "config.toml").write_text(text, encoding="utf-8")
    result = tickertape("ask", "hello")
    assert result.returncode == 2
    assert "3 mistakes in" in result.stderr
    for near in ("responses", "a number", "limits"):
        assert near in result.stderr


def test_an_address_of_the_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://gateway.test/v1")
    assert "OPENAI_BASE_URL" not in _in_here("config", "show")
    _in_here("config", "set", "default_profile", "openai")
    shown = _in_here("config", "show")
    assert "# profiles.openai.base_url is that of OPENAI_BASE_URL.\n" in shown
    tomllib.loads(shown)


def test_presets_are_listed() -> None:
    lines = _in_here("config", "presets").splitlines()
    assert [line.split()[0] for line in lines] == list(PRESETS)
    assert all(line == line.rstrip() for line in lines)


def test_a_key_is_kept_in_the_keyring_and_nowhere_else(memory: MemoryKeyring) -> None:
    home = Path(os.environ["TICKERTAPE_HOME"])
    said = _in_here("config", "set-key", "groq", stdin="known-fake-key-123456\n")
    assert memory.kept == {("tickertape", "groq"): "known-fake-key-123456"}
    local = (home / "config" / "local.toml").read_text(encoding="utf-8")
    assert tomllib.loads(local) == {"profiles": {"groq": {"keyring": True}}}
    assert "known-fake" not in said + local + _in_here("config", "show")
    for path in home.rglob("*"):
        assert path.is_dir() or b"known-fake" not in path.read_bytes()
    assert "no longer in the keyring" in _in_here("config", "delete-key", "groq")
    assert memory.kept == {}
    assert (home / "config" / "local.toml").read_text(encoding="utf-8") == ""
    assert "was not in the keyring" in _in_here("config", "delete-key", "groq")


def test_what_the_file_does_not_say_is_remarked(config_dir: Path) -> None:
    (config_dir / "config.toml").write_text(
        "[profiles.here]\nbase_url = 'http://127.0.0.1:1/v1'\noptions = { do_sample = true }\n"
        "[profiles.groq]\n[profiles.asked]\nkey_command = 'pass x'\n"
        "[profiles.kept]\nkeyring = true",
        encoding="utf-8",
    )
    shown = _in_here("config", "show")
    assert [line for line in shown.splitlines() if line.startswith("#")] == [
        "# profiles.asked takes its key from key_command.",
        "# profiles.groq takes its key from GROQ_API_KEY.",
        "# profiles.here sends no key.",
        f"# profiles.here.options.do_sample {UNKNOWN}",
        "# profiles.kept takes its key from the keyring.",
    ]


def test_without_a_keyring_no_key_is_asked_for(config_dir: Path) -> None:
    terminal = Terminal(
        command=[sys.executable, "-m", "tui", "config", "set-key", "groq"],
        environ={"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"},
    )
    with closing(terminal):
        assert terminal.wait_exit() == 2
        said = " ".join(terminal.text().split())
    assert "keyring cannot be used here" in said
    assert "api_key_env" in said
    assert "Key for groq" not in said
    assert not (config_dir / "local.toml").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "no key on standard input"),
        ("\n", "no key on standard input"),
        ("two words\n", "cannot be a key"),
    ],
)
def test_what_is_no_key_is_not_kept(memory: MemoryKeyring, given: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        _in_here("config", "set-key", "groq", stdin=given)
    assert "two words" not in caught.value.message
    assert memory.kept == {}


def test_a_key_is_asked_for_without_showing_it(config_dir: Path) -> None:
    terminal = Terminal(
        command=[sys.executable, "-m", "tui", "config", "set-key", "groq"],
        environ={"PYTHON_KEYRING_BACKEND": "tests.config.test_secrets.MemoryKeyring"},
    )
    with closing(terminal):
        terminal.wait_for("Key for groq:")
        terminal.type("known-fake-key-123456\n")
        terminal.wait_for("The key of groq is in the keyring.")
        assert b"known-fake" not in terminal.raw
    local = (config_dir / "local.toml").read_text(encoding="utf-8")
    assert tomllib.loads(local) == {"profiles": {"groq": {"keyring": True}}}


def _chunk(**delta: str) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
    data = {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + json.dumps(data).encode() + b"\n\n"


async def _answered(request: Request) -> Reply:
    if request.method == "GET":
        return Reply.json({"data": [{"id": "first"}, {"id": "second"}]})
    return Reply.sse(_chunk(role="assistant", content='{"a": 1}'), _chunk(), b"data: [DONE]\n\n")


async def _run(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tui",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_one_question_with_everything_chosen_on_the_command_line(
    config_dir: Path, tmp_path: Path
) -> None:
    schema, keys = tmp_path / "answer.json", tmp_path / "keys.env"
    schema.write_text('{"type": "object"}', encoding="utf-8")
    keys.write_text("GROQ_API_KEY=known-fake-key-123456\n", encoding="utf-8")
    async with HttpPeer(_answered) as peer:
        text = f"[profiles.groq]\nbase_url = '{peer.url}'\n"
        (config_dir / "config.toml").write_text(text, encoding="utf-8")
        asked = ["ask", "-p", "groq", "--model", "mine", "--schema", str(schema), "Hi"]
        status, out, err = await _run("--env-file", str(keys), *asked)
        assert (status, out.strip()) == (0, '{"a": 1}'), err
        (request,) = [each for each in peer.requests if each.method == "POST"]
    assert request.headers["authorization"] == "Bearer known-fake-key-123456"
    assert request.body["model"] == "mine"
    assert request.body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    for path in Path(os.environ["TICKERTAPE_HOME"]).rglob("*"):
        assert path.is_dir() or b"known-fake" not in path.read_bytes(), path


async def test_a_model_for_the_app_is_one_for_new_threads(config_dir: Path) -> None:
    async with HttpPeer(_answered) as peer:
        text = f"[profiles.own]\npreset = 'ollama'\nbase_url = '{peer.url}'\n"
        (config_dir / "config.toml").write_text(text, encoding="utf-8")
        assert (await _run("-p", "own", "--model", "mine", "ask", "Hi"))[0] == 0
        assert (await _run("-p", "own", "ask", "Hi"))[0] == 0
        models = [each.body["model"] for each in peer.requests if each.method == "POST"]
    assert models == ["mine", "first"]  # without one, what the server lists first
    assert all("authorization" not in each.headers for each in peer.requests)


async def test_the_key_comes_from_a_command(config_dir: Path) -> None:
    async with HttpPeer(_answered) as peer:
        text = f"[profiles.groq]\nbase_url = '{peer.url}'\nkey_command = 'echo known-fake-key'\n"
        (config_dir / "config.toml").write_text(text, encoding="utf-8")
        status, _, err = await _run("ask", "-p", "groq", "Hi")
        assert status == 0, err
        assert peer.requests[-1].headers["authorization"] == "Bearer known-fake-key"


async def test_no_key_reaches_a_file_not_even_from_a_server_that_repeats_it(
    config_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "tt-known+fake/key-123456"
    encoded = base64.b64encode(key.encode()).decode()

    async def refusing(request: Request) -> Reply:
        return Reply.error(401, f"Wrong key {request.headers['authorization']} ({encoded})")

    monkeypatch.setenv("GROQ_API_KEY", key)
    monkeypatch.setenv("TICKERTAPE_DEBUG", "1")
    async with HttpPeer(refusing) as peer:
        text = f"[profiles.groq]\nbase_url = '{peer.url}'\n"
        (config_dir / "config.toml").write_text(text, encoding="utf-8")
        status, out, err = await _run("ask", "-p", "groq", "Hi")
    assert status == 1
    home = Path(os.environ["TICKERTAPE_HOME"])
    written = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert any(b"POST" in each and b"HTTP/1.1 401" in each for each in written)
    for text in (key, encoded, key[:8]):
        assert text not in out + err
        assert not any(text.encode() in each for each in written), text


_TOOL = """
import os
from tui.tools import tool

@tool(read_only=True)
def look() -> str:
    '''Look for the login.'''
    return os.environ.get("MY_TEAM", "nothing there")
"""


async def test_no_login_of_a_header_reaches_a_file_or_a_tool(
    config_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    delta = {"tool_calls": [{"index": 0, **call}]}
    called = {"choices": [{"index": 0, "delta": delta, "finish_reason": "tool_calls"}]}

    async def calling(request: Request) -> Reply:
        if b"tool_call_id" in request.raw:
            return Reply.error(401, f"Wrong login {request.headers['x-team']}")
        return Reply.sse(f"data: {json.dumps(called)}\n\ndata: [DONE]\n\n".encode())

    login = "tt-known+fake/login-123456"
    monkeypatch.setenv("MY_TEAM", f"Bearer {login}")
    monkeypatch.setenv("TICKERTAPE_DEBUG", "1")
    (config_dir / "tools").mkdir()
    (config_dir / "tools" / "looking.py").write_text(_TOOL, encoding="utf-8")
    async with HttpPeer(calling) as peer:
        (config_dir / "config.toml").write_text(
            f"[profiles.own]\nprotocol = 'chat'\nbase_url = '{peer.url}'\nmodel = 'm'\n"
            "headers = { X-Team = 'env:MY_TEAM' }\n",
            encoding="utf-8",
        )
        status, out, err = await _run("ask", "-p", "own", "Hi")
        sent = [each for each in peer.requests if each.method == "POST"]
    assert status == 1
    assert "Wrong login" in err
    assert all(each.headers["x-team"] == f"Bearer {login}" for each in sent)
    assert b"nothing there" in sent[-1].raw, "a tool may not see it"
    home = Path(os.environ["TICKERTAPE_HOME"])
    written = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    said = [(out + err).encode(), *(each.raw for each in sent), *written]
    assert not any(login[:12].encode() in each for each in said)


@pytest.mark.parametrize(
    ("line", "said"), [("sk-known-fake", "line 1 is not NAME=VALUE"), (None, "cannot be read")]
)
def test_a_file_of_variables_that_is_none(
    tickertape: Tickertape, tmp_path: Path, line: str | None, said: str
) -> None:
    path = tmp_path / "keys.env"
    if line is not None:
        path.write_text(line, encoding="utf-8")
    result = tickertape("--env-file", str(path), "config", "path")
    assert result.returncode == 2
    assert said in result.stderr
    assert "sk-known" not in result.stderr


def test_no_file_of_variables_is_read_unasked(
    tickertape: Tickertape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("TICKERTAPE_HOME=/elsewhere\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.chdir(tmp_path)
    assert "/elsewhere" not in tickertape("config", "path").stdout
