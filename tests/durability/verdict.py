"""After a kill: what the store holds is held against what was shown, and the thread goes on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.durability.front import Front, front
from tests.durability.home import WORD, Home, block, saying, steps
from tests.durability.scene import Scene
from tests.durability.shown import Watched
from tui.core.models import Decision, Outcome, Role, RunState, ThreadId, ToolState
from tui.core.services import RetryRun
from tui.core.thread import Part, Run
from tui.core.transcript import Transcript
from tui.store.check import check
from tui.store.thread_store import SqliteThreadStore

PROMISE = 0.25
"""Seconds from shown to on disk."""

_YES = Decision(approved=True, by="user")


@dataclass(frozen=True, slots=True)
class Verdict:
    """``lost`` is the age in seconds of the oldest shown word that is gone, 0 without one.
    ``lag`` is how late the machine was at that time, which no program can make up for."""

    words: int
    lost: float
    lag: float
    found: str
    then: str

    @property
    def kept(self) -> bool:
        """Whether everything shown was on disk in time."""
        return self.lost <= PROMISE + self.lag


def judge(scene: Scene) -> Verdict:
    """Look at everything; raises AssertionError with a sentence for the first broken promise."""
    return asyncio.run(_judge(scene))


async def _judge(scene: Scene) -> Verdict:
    if not scene.untouched:  # a migration may have been cut short; opening goes on with it
        check_file(scene.home.database)
    before = await load_all(scene.home.database)
    stored = stored_words(before.values())
    ages = [
        at - sight.at
        for victim, at in zip(scene.victims, scene.killed, strict=True)
        for sight in victim.words
        if sight.word not in stored
    ]
    for thread_id, view in scene.untouched.items():
        assert before[thread_id].view() == view, "what nobody wrote is not what it was"
    for transcript in before.values():
        for victim in scene.victims:
            check_shown(victim, transcript)
        check_sound(transcript, scene.home)
    found = describe(scene, before.values())
    then = "a new thread"
    async with front(scene.home) as reader:
        await check_reports(scene, reader, before)
        for thread_id in before:
            then = await go_on(scene, reader, thread_id)
        if not before:
            await still_answers(reader, "thread-new")
        live = {key: await reader.look(key) for key in before}
    check_file(scene.home.database)
    after = await load_all(scene.home.database)
    for thread_id, transcript in live.items():
        assert after[thread_id].view() == transcript.view(), "a reload shows something else"
        check_sound(transcript, scene.home)
    words = sum(len(victim.words) for victim in scene.victims)
    lost = max(ages, default=0.0)
    return Verdict(words=words, lost=lost, lag=scene.lag, found=found, then=then)


def check_file(database: Path) -> None:
    """The file is sound, to the last page, and nothing in it points to nothing."""
    assert check(database, full=True) == []


async def load_all(database: Path) -> dict[ThreadId, Transcript]:
    """Every thread as it is on disk; nothing is marked interrupted."""
    store = SqliteThreadStore.open(database)
    try:
        found = {each.id: await store.load(each.id) for each in await store.threads()}
    finally:
        store.close()
    return {key: transcript for key, transcript in found.items() if transcript is not None}


def check_shown(victim: Watched, stored: Transcript) -> None:
    """What was printed up to the last envelope on disk folds to what is read from disk."""
    printed = [each for each, _ in victim.envelopes if each.thread == stored.thread_id]
    if not printed or printed[0].seq > 1 or printed[-1].seq < stored.seq:
        return  # it came later, or the kill came between writing and showing
    live = Transcript(stored.thread_id)
    live.apply_all(each for each in printed if each.seq <= stored.seq)
    assert live.view() == stored.view(), "what is on disk is not what was shown"


def check_sound(transcript: Transcript, home: Home) -> None:
    """No gap in an answer, nothing twice, and no tool that ran more often than was written."""
    for part in transcript.parts.values():
        if transcript.messages[part.message_id].role is Role.ASSISTANT:
            check_counting(_said(part))
    for run in transcript.runs.values():
        of_run = [each for each in transcript.messages.values() if each.run_id == run.id]
        said = Counter(word for each in of_run for part in each.parts for word in _said(part))
        assert max(said.values(), default=1) == 1, f"a run says a word twice: {said.most_common(3)}"
    asked = Counter(each.text for each in transcript.messages.values() if each.role is Role.USER)
    assert max(asked.values(), default=1) == 1, "a message of the user is there twice"
    started: Counter[str] = Counter()
    for call in transcript.calls.values():
        if call.started_mono is not None:
            key = str(call.arguments).partition('"key": "')[2] or str(call.arguments)
            started[key.replace('"', " ").split()[0]] += 1
    for key, times in home.effects().items():
        assert times <= started[key], f"{key} took effect {times} times, started {started[key]}"


def check_counting(said: list[str]) -> None:
    """Words of one part are numbered without a gap."""
    numbers = [int(word[1:-1]) for word in said]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True, (
        f"a gap or a repetition in {said}"
    )


async def check_reports(scene: Scene, reader: Front, threads: Iterable[ThreadId]) -> None:
    """What a victim was told to be on disk is there: messages sent and queued, drafts.

    A message that was given to another process is in the store, and after a start in its thread.
    """
    done = [each["did"] for victim in scene.victims for each, _ in victim.reports if "did" in each]
    there = [await reader.look(thread_id) for thread_id in threads]
    texts = {m.text for t in there for m in t.messages.values()}
    texts |= {m.text for t in there for m in t.queue.values()}
    drafts = [await reader.services.library.draft(each.thread_id) for each in there]
    for step in done:
        text = step.get("send") or step.get("queue")
        assert text is None or text in texts, f"gone: {step}"
        assert "draft" not in step or step["draft"] in drafts, "the draft is gone"


def stored_words(transcripts: Iterable[Transcript], run_id: str | None = None) -> set[str]:
    """Every word that models said, in one run or in all."""
    return {
        word
        for transcript in transcripts
        for message in transcript.messages.values()
        if message.role is Role.ASSISTANT and run_id in (None, message.run_id)
        for part in message.parts
        for word in _said(part)
    }


def describe(scene: Scene, stored: Iterable[Transcript]) -> str:
    """How things were found: of each thread the state of its last run, its last call, its queue."""
    if scene.untouched:
        says = [each.get("says") for each, _ in scene.victims[0].reports]
        return "done" if "done" in says else "cut short"
    return ", ".join(map(_describe_one, stored)) or "nothing"


def _describe_one(transcript: Transcript) -> str:
    run = transcript.latest_run()
    if run is None:
        return "no run"
    calls = [call.state.value for call in transcript.calls_of(run.id)]
    return "/".join([run.state.value, *calls[-1:], *(["queue"] if transcript.queue else [])])


async def go_on(scene: Scene, reader: Front, thread_id: ThreadId) -> str:
    """One of the things a person can do next, and then a message that is answered."""
    transcript = await reader.look(thread_id)
    run = transcript.latest_run()
    then = "send"
    if run is not None and run.state is RunState.INTERRUPTED:
        asks = any(call.state is ToolState.APPROVAL for call in transcript.calls_of(run.id))
        then = scene.chance.choice(["send", "resume", "retry", "leave", *["decide"] * asks])
        await _do(scene, reader, transcript, then)
    if transcript.queue:
        await _send_queue(reader, thread_id, goes_on=then in ("resume", "decide", "retry"))
        assert not (await reader.look(thread_id)).queue, "a message waits for ever"
    await still_answers(reader, thread_id)
    return then


async def _do(scene: Scene, reader: Front, transcript: Transcript, then: str) -> None:
    run = transcript.interrupted_run()
    assert run is not None
    conversations = reader.services.conversations
    thread_id = transcript.thread_id
    match then:
        case "resume" | "decide":
            await _finish(scene, reader, transcript, then)
        case "retry":
            again = f"{run.id}-again"
            await conversations.retry(RetryRun(thread_id=thread_id, of=run.id, run_id=again))
            end = await decided(reader, thread_id, again)
            assert end.outcome is Outcome.COMPLETED, f"the retry ended {end.outcome}: {end.error}"
        case "leave":
            await conversations.leave(thread_id)
            left = (await reader.look(thread_id)).runs[run.id]
            assert left.state is RunState.FINISHED, "a run that was left is not over"


async def _finish(scene: Scene, reader: Front, transcript: Transcript, then: str) -> None:
    """Go on with the run. With a server that lives it ends as if nothing had happened."""
    thread_id, run = transcript.thread_id, transcript.interrupted_run()
    assert run is not None
    if then == "decide":
        for call in transcript.calls_of(run.id):
            if call.state is ToolState.APPROVAL:
                await reader.services.conversations.decide(thread_id, run.id, call.call_id, _YES)
                break
    else:
        await reader.services.conversations.resume(thread_id)
    end = await decided(reader, thread_id, run.id)
    assert end.state is RunState.FINISHED, "a run that was resumed is interrupted again"
    if not scene.remote:
        return
    assert end.outcome is Outcome.COMPLETED, f"the resumed run ended {end.outcome}: {end.error}"
    resumed = await reader.look(thread_id)
    got = stored_words([resumed], run.id)
    assert len(got) == scene.complete, f"{len(got)} words of {scene.complete} after resuming"


async def decided(reader: Front, thread_id: ThreadId, run_id: str) -> Run:
    """The run at its end; what asks meanwhile is approved."""

    def stops(transcript: Transcript) -> bool:
        run = transcript.runs.get(run_id)
        return run is not None and run.state is not RunState.RUNNING

    while True:
        transcript = await reader.until(thread_id, stops)
        run = transcript.runs[run_id]
        if run.state is not RunState.WAITING:
            return await reader.ended(thread_id, run_id)
        for call in transcript.calls_of(run_id):
            if call.state is ToolState.APPROVAL:
                await reader.services.conversations.decide(thread_id, run_id, call.call_id, _YES)
        await reader.until(thread_id, lambda t: t.runs[run_id].state is not RunState.WAITING)


async def _send_queue(reader: Front, thread_id: ThreadId, *, goes_on: bool) -> None:
    """What waited waits for the reader, unless the run before it went on and completed."""

    def at_rest(transcript: Transcript) -> bool:
        run = transcript.latest_run()
        assert run is not None
        asked = [each.id for each in transcript.messages.values() if each.role is Role.USER]
        answered = {each.parent_id for each in transcript.runs.values()}
        completed = run.outcome is Outcome.COMPLETED
        goes_out = goes_on and completed and bool(transcript.queue)
        return not run.active and not goes_out and asked[-1] in answered

    waiting = [each.run_id for each in (await reader.until(thread_id, at_rest)).queue.values()]
    await reader.services.conversations.send_queued(thread_id)
    for run_id in waiting:
        run = await decided(reader, thread_id, run_id)
        assert run.outcome is Outcome.COMPLETED, f"a message that waited ended {run.outcome}"


async def still_answers(reader: Front, thread_id: ThreadId) -> None:
    """The thread takes another message, and its answer is whole."""
    text = block(steps(saying(5, start=90_001), rate=0))
    run = await reader.ended(thread_id, await reader.send(thread_id, text))
    assert run.outcome is Outcome.COMPLETED, f"the next message ended {run.outcome}: {run.error}"
    answer = (await reader.look(thread_id)).path()[-1]
    assert WORD.findall(answer.text) == [f"w9000{n}x" for n in range(1, 6)], answer.text


def _said(part: Part) -> list[str]:
    text = str(part.text) if part.tool is None else str(part.tool.arguments)
    return WORD.findall(text)
