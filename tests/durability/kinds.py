"""The moments at which a process is killed: who, doing what, how long after which sign."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.durability.home import Home, block, calling, saying, serving, steps
from tests.durability.lag import lag
from tests.durability.scene import Scene, reported
from tests.durability.shown import Watched
from tests.durability.stores import first_version, to_compact

_ANSWER = 400
_SHORT = 30


@dataclass(frozen=True, slots=True)
class Kind:
    """``start`` brings processes to their moment; the kill comes within ``spread`` seconds after
    that. With a ``gap`` one dies first and the others live on for up to so many seconds.
    ``scenario`` is what the embedded server plays for every message. See Scene for the rest."""

    name: str
    start: Callable[[Scene], object]
    spread: tuple[float, float]
    complete: int = 0
    remote: bool = False
    scenario: str | None = None
    gap: float = 0.0

    @contextmanager
    def scene(self, path: Path, peer: str, chance: random.Random) -> Iterator[Scene]:
        """The scene after the kill."""
        with ExitStack() as stack:
            if self.remote and self.scenario is not None:
                own = serving(path / "server", scenario=self.scenario)
                peer = stack.enter_context(own)
            home = Home.make(path, peer=peer if self.remote else None, scenario=self.scenario)
            scene = Scene(home, chance, complete=self.complete, remote=self.remote)
            stack.callback(scene.end)
            with lag() as late:
                self.start(scene)
                scene.idle(chance.uniform(*self.spread))
                scene.kill(self.gap)
                scene.lag = late.worst()
            home.hurry()
            yield scene


def _after(watched: Watched, sign: str, times: int = 1) -> None:
    """Return once it has printed so many envelopes of that type."""
    watched.wait(lambda: watched.types().count(sign) >= times, sign)


# --- without a screen ---------------------------------------------------------------------------


def _text(scene: Scene) -> None:
    _after(scene.ask(block(steps(saying(_ANSWER), rate=200))), "text_delta")


def _arguments(scene: Scene) -> None:
    call = calling("note", "k1", length=_ANSWER)
    _after(scene.ask(block(steps(call, saying(_SHORT, 501), rate=300))), "arguments_delta")


def _approval(scene: Scene) -> None:
    text = block(steps(calling("ask_first", "k1", length=5), saying(_SHORT, 501), rate=0))
    _after(scene.victim({"send": text}), "approval_requested")


def _deciding(scene: Scene) -> None:
    call = calling("ask_first", "k1", seconds=0.1)
    text = block(steps(call, saying(_SHORT), rate=400))
    _after(scene.victim({"send": text}, {"decide": True}), "approval_requested")


def _tool(scene: Scene) -> None:
    text = block(steps(calling("note", "k1", seconds=0.4), saying(_SHORT), rate=400))
    _after(scene.ask(text), "tool_started")


def _submitting(scene: Scene) -> None:
    calls = [calling("note", f"k{number}") for number in range(1, 9)]
    victim = scene.victim({"send": block(steps(*calls, saying(_SHORT), rate=0))})
    _after(victim, "tool_finished", scene.chance.randint(1, 7))


def _finishing(scene: Scene) -> None:
    victim = scene.victim({"send": block(steps(saying(_SHORT), rate=400))})
    victim.wait(lambda: len(victim.words) >= _SHORT - 3, "the last words")


def _queued(scene: Scene) -> None:
    text = block(steps(saying(_ANSWER), rate=200))
    first, second = (block(steps(saying(5, start), rate=0)) for start in (701, 801))
    victim = scene.victim({"send": text}, {"queue": first}, {"queue": second})
    victim.wait(reported(victim, "queue", 2), "the queue")


def _draft(scene: Scene) -> None:
    text = block(steps(saying(_ANSWER), rate=200))
    victim = scene.victim({"send": text}, {"draft": "half a thought"})
    victim.wait(reported(victim, "draft"), "the draft")


# --- the whole store ----------------------------------------------------------------------------


def _migrating(scene: Scene) -> None:
    scene.untouched = first_version(scene.home)
    scene.opener("open")


def _compacting(scene: Scene) -> None:
    scene.untouched = to_compact(scene.home)
    scene.opener("compact")


# --- two at once --------------------------------------------------------------------------------


def _two_threads(scene: Scene) -> None:
    first = scene.victim({"send": block(steps(saying(_ANSWER), rate=200))})
    other = block(steps(saying(_ANSWER, 1001), rate=200))
    second = scene.victim({"send": other}, thread="thread-2")
    _after(first, "text_delta")
    _after(second, "text_delta")


def _one_thread(scene: Scene) -> None:
    """The second asks the first to queue, and takes over what it leaves behind."""
    first = scene.victim({"send": block(steps(saying(_ANSWER), rate=200))})
    _after(first, "text_delta")
    second = scene.victim({"queue": block(steps(saying(5, 701), rate=0))})
    second.wait(reported(second, "queue"), "the queue")


# --- the app ------------------------------------------------------------------------------------


def _app_text(scene: Scene) -> None:
    screen = scene.app()
    screen.type("Count for me\r")
    screen.wait(lambda: bool(screen.words), "the first word")


def _app_approval(scene: Scene) -> None:
    screen = scene.app()
    screen.type("Count for me\r")
    screen.wait_for("Run ask_first?")


def _app_draft(scene: Scene) -> None:
    screen = scene.app()
    screen.type("Count for me\r")
    screen.wait(lambda: bool(screen.words), "the first word")
    screen.type("half a thought")
    screen.wait_for("half a thought")
    # Saved half a second after the last key, and as much later as a busy machine takes.
    screen.idle(1.2)
    screen.tell({"did": {"draft": "half a thought"}})


def _app_queued(scene: Scene) -> None:
    screen = scene.app()
    screen.type("Count for me\r")
    screen.wait(lambda: bool(screen.words), "the first word")
    screen.type("And once more\r")
    screen.wait_for("Next, after this answer")
    screen.idle(0.3)  # it is shown as soon as it is given to the disk, and synced at once
    screen.tell({"did": {"queue": "And once more"}})


KINDS = (
    Kind("text", _text, (0.0, 1.8), complete=_ANSWER),
    Kind("text, server lives", _text, (0.0, 1.8), complete=_ANSWER, remote=True),
    Kind("arguments", _arguments, (0.0, 1.5), complete=_ANSWER + _SHORT),
    Kind("arguments, server lives", _arguments, (0, 1.5), complete=_ANSWER + _SHORT, remote=True),
    Kind("approval pending", _approval, (0.0, 0.4), complete=_SHORT + 5),
    Kind("approval, server lives", _approval, (0.0, 0.4), complete=_SHORT + 5, remote=True),
    Kind("deciding, server lives", _deciding, (0.0, 0.15), complete=_SHORT, remote=True),
    Kind("tool running", _tool, (0.0, 0.5), complete=_SHORT),
    Kind("tool, server lives", _tool, (0.0, 0.5), complete=_SHORT, remote=True),
    Kind("submitting", _submitting, (0.0, 0.03), complete=_SHORT),
    Kind("submitting, server lives", _submitting, (0.0, 0.03), complete=_SHORT, remote=True),
    Kind("finishing", _finishing, (0.0, 0.04), complete=_SHORT),
    Kind("finishing, server lives", _finishing, (0.0, 0.04), complete=_SHORT, remote=True),
    Kind("queued", _queued, (0.0, 2.5), complete=_ANSWER),
    Kind("draft", _draft, (0.0, 0.5), complete=_ANSWER),
    Kind("migrating", _migrating, (0.0, 0.03)),
    Kind("compacting", _compacting, (0.0, 0.2)),
    Kind("two, a thread each", _two_threads, (0.0, 1.5), complete=_ANSWER, gap=0.5),
    Kind("two in one thread", _one_thread, (0.0, 2.0), complete=_ANSWER, gap=0.5),
    Kind(
        "app, text",
        _app_text,
        (0.0, 2.0),
        complete=_ANSWER,
        scenario=steps(saying(_ANSWER), rate=60),
    ),
    Kind(
        "app, arguments",
        _app_text,
        (0.0, 1.5),
        complete=_ANSWER + _SHORT,
        scenario=steps(calling("note", "k1", length=_ANSWER), saying(_SHORT, 501), rate=120),
    ),
    Kind(
        "app, approval",
        _app_approval,
        (0.0, 0.5),
        complete=_SHORT,
        scenario=steps(calling("ask_first", "k1"), saying(_SHORT), rate=60),
    ),
    Kind(
        "app, draft",
        _app_draft,
        (0.0, 0.5),
        complete=_ANSWER,
        scenario=steps(saying(_ANSWER), rate=60),
    ),
    Kind(
        "app, queued",
        _app_queued,
        (0.0, 1.0),
        complete=_ANSWER,
        scenario=steps(saying(_ANSWER), rate=60),
    ),
    Kind(
        "app, server lives",
        _app_text,
        (0.0, 2.0),
        complete=_ANSWER,
        remote=True,
        scenario=steps(saying(_ANSWER), rate=60),
    ),
)
