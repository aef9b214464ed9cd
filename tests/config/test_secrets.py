"""Keys come from a command, the keyring or the environment, and end up nowhere else."""

from __future__ import annotations

import base64
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.compat import properties
from keyring.errors import PasswordDeleteError

from tui.config.catalog import describe
from tui.config.env_file import read_env_file
from tui.config.logs import Redactor
from tui.config.secrets import api_key, delete_key, store_key
from tui.core.errors import ConfigError
from tui.core.settings import Profile

KEY = "tt-0123456789-abcdef/+xyz"


class MemoryKeyring(KeyringBackend):
    """Keeps keys for one test."""

    @properties.classproperty
    def priority(self) -> float:
        """Only used when asked for."""
        return 0.1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring's own has no types
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError(username)


@pytest.fixture
def memory() -> Iterator[MemoryKeyring]:
    """A keyring that is there for this test only."""
    before, backend = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def _no_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]  # as above
    yield
    keyring.set_keyring(before)


def _commanded(code: str) -> Profile:
    return Profile(name="work", key_command=f'{sys.executable} -c "{code}"')


def test_the_first_line_of_the_commands_output_is_the_key() -> None:
    assert api_key(_commanded(f"print('{KEY} ');print('user: me')"), {}) == KEY


def test_the_command_goes_before_the_others(memory: MemoryKeyring) -> None:
    store_key("work", "from-keyring")
    both = Profile(name="work", keyring=True, api_key_env="WORK_KEY")
    environ = {"WORK_KEY": "from-env"}
    assert api_key(both, environ) == "from-keyring"
    commanded = Profile(name="work", key_command="echo from-command", keyring=True)
    assert api_key(commanded, environ) == "from-command"
    assert memory.kept == {("tickertape", "work"): "from-keyring"}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("false", "ended with status 1"),
        ("true", "printed nothing"),
        ("surely-no-such-program --x", "There is no program 'surely-no-such-program' here"),
        ("sk-known-secret-0123456789", "There is no program [hidden] here"),
        ("/", "cannot be started: Permission denied"),
        ("'", "is no command that can be read"),
        ("", "WORK_KEY is not set"),
        ("echo Enter your password", "cannot be a key"),
        (f"{sys.executable} -c \"print('sk-known-secret');exit(3)\"", "ended with status 3"),
    ],
)
def test_a_command_that_gives_no_key_is_a_sentence(command: str, said: str) -> None:
    profile = Profile(name="work", key_command=command, api_key_env="WORK_KEY")
    with pytest.raises(ConfigError) as caught:
        api_key(profile, {})
    assert said in caught.value.message
    assert caught.value.code == "no_key"
    assert "sk-known" not in caught.value.message + caught.value.hint
    assert caught.value.__cause__ is None


def test_there_is_no_shell(tmp_path: Path) -> None:
    profile = Profile(name="work", key_command=f"echo key; touch {tmp_path}/made")
    with pytest.raises(ConfigError, match="cannot be a key"):
        api_key(profile, {})
    assert not (tmp_path / "made").exists()


def test_a_command_that_hangs_is_ended_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.config.secrets._COMMAND_SECONDS", 1.0)
    fifo, script = tmp_path / "fifo", tmp_path / "hang.sh"
    os.mkfifo(fifo)
    # The child holds the fifo open for writing and the pipe as well.
    script.write_text(f"sleep 600 > {fifo} &\nwait\n", encoding="utf-8")
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        began = time.monotonic()
        with pytest.raises(ConfigError, match="did not answer within 1 seconds") as caught:
            api_key(Profile(name="work", key_command=f"sh {script}"), {})
        assert "may be locked" in caught.value.hint
        assert time.monotonic() - began < 10
        os.set_blocking(reader, True)
        assert os.read(reader, 1) == b""  # the end of file: nobody holds it any more
    finally:
        os.close(reader)


def test_listing_profiles_runs_no_command_and_opens_no_keyring(tmp_path: Path) -> None:
    info = describe(Profile(name="p", key_command=f"touch {tmp_path}/made"))
    assert info.problem is None
    assert not (tmp_path / "made").exists()
    assert describe(Profile(name="p", keyring=True)).problem is None


def test_a_key_in_the_keyring(memory: MemoryKeyring) -> None:
    profile = Profile(name="work", keyring=True)
    with pytest.raises(ConfigError, match="The keyring has no key") as caught:
        api_key(profile, {})
    assert "set-key work" in caught.value.hint
    store_key("work", KEY)
    assert api_key(profile, {}) == KEY
    assert delete_key("work")
    assert not delete_key("work")
    assert memory.kept == {}


@pytest.mark.usefixtures("_no_keyring")
def test_without_a_keyring_the_other_ways_are_named() -> None:
    with pytest.raises(ConfigError, match="keyring cannot be used here") as caught:
        store_key("work", KEY)
    assert "api_key_env" in caught.value.hint
    assert "key_command" in caught.value.hint
    assert caught.value.__cause__ is None


def test_without_the_package_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match="not installed") as caught:
        store_key("work", KEY)
    assert "pip install '.[keyring]'" in caught.value.hint


def test_a_variable_that_holds_no_key() -> None:
    with pytest.raises(ConfigError, match="MY_KEY gives") as caught:
        api_key(Profile(name="p", api_key_env="MY_KEY"), {"MY_KEY": "two words"})
    assert "two words" not in caught.value.message


@pytest.mark.parametrize("before", ["", "a", "ab", "user:"])
def test_a_key_is_hidden_however_it_is_spelt(before: str) -> None:
    redactor = Redactor()
    redactor.hide(KEY)
    encoded = base64.b64encode(f"{before}{KEY}:more".encode()).decode()
    url_safe = base64.urlsafe_b64encode(f"{before}{KEY}".encode()).decode()
    text = f"{KEY} {quote(KEY, safe='')} {encoded} {url_safe} wrong key {KEY[:8]}***"
    said = redactor.redact(text)
    assert said.count("[key]") == 5
    for number in range(len(KEY) - 7):
        assert KEY[number : number + 8] not in said
    # Nothing of it is left that could be decoded, but for the characters at either end.
    assert all(len(word.replace("[key]", "")) < 16 for word in said.split())


def test_a_short_secret_hides_no_other_words() -> None:
    redactor = Redactor()
    redactor.hide("short")
    assert redactor.redact("shore short") == "shore [key]"


def test_an_environment_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.env"
    path.write_text(
        '# mine\n\nexport A=1\nB = two words # why\nC="a # b"  # c\n'
        "D='$HOME'\nE=\nF=x#y\nG=a=b\n",
        encoding="utf-8",
    )
    assert read_env_file(path) == {
        "A": "1",
        "B": "two words",
        "C": "a # b",
        "D": "$HOME",
        "E": "",
        "F": "x#y",
        "G": "a=b",
    }


@pytest.mark.parametrize("line", ["sk-known-secret", "1A=x", "A B=x", "=x", "A=b\0c"])
def test_a_line_that_is_none_is_named_by_its_number_alone(tmp_path: Path, line: str) -> None:
    path = tmp_path / "keys.env"
    path.write_text(f"A=1\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="line 2 is not NAME=VALUE") as caught:
        read_env_file(path)
    assert "sk-known" not in caught.value.message


def test_an_environment_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_env_file(tmp_path / "absent.env")


def test_the_keyring_says_nothing_into_logs(
    memory: MemoryKeyring, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        store_key("work", KEY)
        api_key(Profile(name="work", keyring=True), {})
    assert KEY not in caplog.text
