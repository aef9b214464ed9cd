"""Where a victim lives: its settings, its tool with a side effect, and numbered words to say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PEER = "peer"

# Tells where it ends, so a word that is shown in two pieces counts when its last piece is there.
WORD = re.compile(r"w\d{5}x")

# Each call has a text of its own. A side effect is what cannot be taken back: a line in a file.
_TOOL = '''
import os
import time
from pathlib import Path

from tui.tools import tool


@tool{mark}
def {name}(key: str, seconds: float = 0.0) -> str:
    """Append a line to a file, then take some time."""
    path = Path(__file__).with_name("effects")
    with open(path, "a", encoding="utf-8") as file:
        file.write(key.split()[0] + "\\n")
        file.flush()
        os.fsync(file.fileno())
    time.sleep(seconds)
    return "noted " + key.split()[0]
'''


def words(count: int, start: int = 1) -> str:
    """``w00001x w00002x ...``"""
    return " ".join(f"w{number:05d}x" for number in range(start, start + count))


def steps(*lines: str, rate: float) -> str:
    """A scenario of one-line steps."""
    return f"rate = {rate}\n" + "".join(f"\n[[step]]\n{line}\n" for line in lines)


def block(scenario: str) -> str:
    """The scenario as a message that plays it."""
    return f"```sandbox\n{scenario}```"


def saying(count: int, start: int = 1) -> str:
    """A step that says numbered words."""
    return f'say = "{words(count, start)}"'


def calling(tool: str, key: str, seconds: float = 0.0, length: int = 0) -> str:
    """A step that calls ``note`` or ``ask_first``; ``length`` numbered words follow the key."""
    text = f"{key} {words(length)}" if length else key
    return f'call = {{ name = "{tool}", arguments = {{ key = "{text}", seconds = {seconds} }} }}'


@dataclass(frozen=True, slots=True)
class Home:
    """A TICKERTAPE_HOME of its own. ``note`` runs without asking, ``ask_first`` asks."""

    path: Path

    @classmethod
    def make(cls, path: Path, *, peer: str | None = None, scenario: str | None = None) -> Home:
        """``peer`` is the address of a server to talk to, without one the embedded is used."""
        home = cls(path)
        tools = path / "config" / "tools"
        tools.mkdir(parents=True)
        (tools / "note.py").write_text(_TOOL.format(mark="(read_only=True)", name="note"))
        (tools / "ask_first.py").write_text(_TOOL.format(mark="()", name="ask_first"))
        (path / "config" / "config.toml").write_text(_config(path, peer, scenario))
        return home

    @property
    def database(self) -> Path:
        return self.path / "data" / "tickertape.db"

    def hurry(self) -> None:
        """From now on everything is said at once; what was watched has been seen."""
        scenario = self.path / "scenario.toml"
        if scenario.exists():
            scenario.write_text(re.sub(r"^rate = \d+", "rate = 0", scenario.read_text()))

    def effects(self) -> Counter[str]:
        """How often each key was noted."""
        path = self.path / "config" / "tools" / "effects"
        return Counter(path.read_text().split() if path.exists() else [])

    def environment(self) -> Mapping[str, str]:
        """For a process that lives here."""
        return {
            **os.environ,
            "TICKERTAPE_HOME": str(self.path),
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            # A word that waits in a buffer of Python's has not been shown.
            "PYTHONUNBUFFERED": "1",
        }


def _config(path: Path, peer: str | None, scenario: str | None) -> str:
    lines = []
    if peer is not None:
        lines += [f'default_profile = "{PEER}"', f"[profiles.{PEER}]", f'base_url = "{peer}"']
        lines += ['api_key_env = ""', "read_timeout = 10"]
    lines += ["[sandbox]", "rate = 150"]
    if scenario is not None:
        (path / "scenario.toml").write_text(scenario)
        lines.append(f'scenario = "{path / "scenario.toml"}"')
    return "\n".join(lines) + "\n"


@contextmanager
def serving(path: Path, scenario: str | None = None) -> Iterator[str]:
    """A ``tickertape serve`` that outlives the victims; yields its address."""
    home = Home.make(path, scenario=scenario)
    command = [sys.executable, "-m", "tui", "serve", "--port", "0", "--memory"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=home.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()
