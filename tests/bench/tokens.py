"""CPU of a token through the whole screen, behind short and long messages, and naive beside it.

``python -m tests.bench.tokens CASE ARGUMENTS`` prints seconds of processor time a token:
``text KIND SIZE MESSAGES``, ``arguments CHARACTERS``, ``naive KIND SIZE``, ``soak DELTAS``.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Iterable
from itertools import islice

from textual._context import active_app
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.driver import Driver
from textual.widgets import Markdown

from tests.bench.documents import KINDS
from tests.bench.process import resident
from tests.bench.stage import Stage, backend_with, staged
from tests.bench.terminal import SIZE, RecordingDriver
from tests.ui.fakes import FakeRun
from tui.core import events as e
from tui.core.models import Outcome, PartKind, ToolRef

_WARM, _SAMPLE, _NAIVE_SAMPLE = 40, 300, 5


async def _spent(stage: Stage, run: FakeRun, pieces: Iterable[e.Event]) -> float:
    """Seconds of CPU a piece, a frame each; the first ones warm up."""
    given = list(pieces)
    begin = 0.0
    for number, piece in enumerate(given):
        if number == _WARM:
            begin = time.process_time()
        await stage.frame(lambda piece=piece: run.emit(piece))  # type: ignore[misc]  # bound now
    return (time.process_time() - begin) / (len(given) - _WARM)


async def text_cost(kind: str, size: int, messages: int) -> float:
    """A token of an answer that has ``size`` already, below so many older messages."""
    tokens = KINDS[kind]()
    backend = backend_with(messages)
    backend.say("t", "go")
    run = backend.begin("t", "r")
    part = run.part(PartKind.TEXT)
    run.emit(e.TextDelta(part_id=part, text="".join(islice(tokens, size))))
    async with staged(backend) as stage:
        sample = [e.TextDelta(part_id=part, text=each) for each in islice(tokens, _WARM + _SAMPLE)]
        return await _spent(stage, run, sample)


async def arguments_cost(characters: int) -> float:
    """A fragment of four characters of arguments that have so many already."""
    backend = backend_with(0)
    backend.say("t", "go")
    run = backend.begin("t", "r")
    part = run.part(PartKind.TOOL_CALL, ToolRef(call_id="c", name="write_file"))
    begun = '{"path": "notes.md", "content": "' + "some words of a file\\n" * (characters // 22)
    run.emit(e.ArgumentsDelta(part_id=part, fragment=begun))
    async with staged(backend) as stage:
        fragments = ("some", " wor", "ds o", "f a ", "file")
        sample = [
            e.ArgumentsDelta(part_id=part, fragment=fragments[number % len(fragments)])
            for number in range(_WARM + _SAMPLE)
        ]
        return await _spent(stage, run, sample)


class _Naive(App[None]):
    def get_driver_class(self) -> type[Driver]:
        return RecordingDriver

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Markdown()


async def naive_cost(kind: str, size: int) -> float:
    """The same with Textual's Markdown widget, its frames included."""
    tokens = KINDS[kind]()
    app = _Naive()
    running = asyncio.create_task(app.run_async(size=SIZE, mouse=False))
    await asyncio.sleep(1)
    active_app.set(app)
    app.query_one(VerticalScroll).anchor()
    markdown = app.query_one(Markdown)
    await markdown.append("".join(islice(tokens, size)))
    await asyncio.sleep(1)
    begin = time.process_time()
    for token in islice(tokens, _NAIVE_SAMPLE):
        await markdown.append(token)
        painted = asyncio.Event()
        app.screen.call_after_refresh(painted.set)
        await painted.wait()
    spent = (time.process_time() - begin) / _NAIVE_SAMPLE
    app.exit()
    await running
    return spent


_IN_ANSWER, _IN_BATCH, _IN_THREAD = 2_000, 500, 20_000


async def soak(deltas: int) -> list[float]:
    """Megabytes resident after each tenth of so many deltas, in threads of 20,000 each."""
    backend = backend_with(0)
    found: list[float] = []
    async with staged(backend) as stage:
        for number in range(deltas // _IN_THREAD):
            thread = f"soak{number}"
            backend.add_thread(thread, thread)
            stage.app.call_later(stage.app._main._open_thread, thread)
            while stage.app._main._desk is None or stage.app._main._desk.thread.id != thread:
                await asyncio.sleep(0.01)
            for answer in range(_IN_THREAD // _IN_ANSWER):
                await _stream_answer(stage, thread, f"{thread}-{answer}", number + answer)
            backend._logs[thread].clear()
            if (number + 1) % max(1, deltas // _IN_THREAD // 10) == 0:
                gc.collect()
                found.append(resident())
    return found


async def _stream_answer(stage: Stage, thread: str, run_id: str, number: int) -> None:
    backend = stage.backend
    backend.say(thread, "go")
    run = backend.begin(thread, run_id)
    part = run.part(PartKind.TEXT)
    tokens = list(KINDS.values())[number % len(KINDS)]()
    for _ in range(_IN_ANSWER // _IN_BATCH):
        batch = list(islice(tokens, _IN_BATCH))

        def send(batch: list[str] = batch) -> None:
            for token in batch:
                run.emit(e.TextDelta(part_id=part, text=token))

        await stage.frame(send)
    run.emit(e.PartFinished(part_id=part))
    run.emit(e.RunFinished(outcome=Outcome.COMPLETED))


def main(case: str, *given: str) -> object:
    """Run one case."""
    match case:
        case "text":
            return asyncio.run(text_cost(given[0], int(given[1]), int(given[2])))
        case "arguments":
            return asyncio.run(arguments_cost(int(given[0])))
        case "naive":
            return asyncio.run(naive_cost(given[0], int(given[1])))
        case "soak":
            return asyncio.run(soak(int(given[0])))
    raise SystemExit(f"no such case: {case}")


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
