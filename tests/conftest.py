"""What every test gets: a home of its own, no network beyond loopback, no inherited settings."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tui.config.presets import PRESETS

# A shared machine is slow at times; speed is measured in tests/bench, never asserted here.
settings.register_profile("tickertape", deadline=None, database=None)
settings.load_profile("tickertape")

# In the environment of every test; whoever needs a key for a profile names this variable.
FAKE_KEY_ENV, FAKE_KEY = "TICKERTAPE_FAKE_KEY", "sk-Wq5Xv8-of-no-use-9e8d7c6b5a4f3e2d"
_TRACES = (FAKE_KEY[:8].encode(), base64.b64encode(FAKE_KEY.encode())[:24])

_OWN = ("TICKERTAPE_API_KEY", "TICKERTAPE_DEBUG")
_LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKERTAPE_HOME", str(tmp_path / "home"))
    keys = [preset.api_key_env for preset in PRESETS.values() if preset.api_key_env]
    for name in (*keys, "OPENAI_ASSISTANT_ID", "OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT", *_OWN):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(FAKE_KEY_ENV, FAKE_KEY)


@pytest.fixture(scope="session", autouse=True)
def _no_key_in_any_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """When all is over, no home of any test holds the key that they used."""
    yield
    for path in tmp_path_factory.getbasetemp().glob("*/home/**/*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(trace in content for trace in _TRACES), f"{path} holds the key"


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def check(sock: socket.socket, address: Any) -> None:
        if sock.family == socket.AF_UNIX:
            return
        if not str(address[0]).startswith(_LOOPBACK):
            raise RuntimeError(f"a test tried to reach {address[0]}; only loopback is allowed")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        check(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        check(self, address)
        return connect_ex(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
