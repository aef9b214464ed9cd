"""What people do all day, at random: ask, approve, cancel, delete, follow, meet faults."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.durability.front import Following, Front, front
from tests.durability.home import ROOT, Home, block, calling, steps
from tui.core.errors import BusyError, NotFoundError
from tui.core.models import Decision, RunState, ToolState
from tui.core.transcript import Transcript

_CONVERSATIONS = 3
_KEPT = 12  # threads; older ones are deleted
_FAULTS = (
    "error_event",
    "disconnect",
    "truncate",
    "malformed",
    "unknown_event",
    "run_failed",
    "refusal",
    "length",
)


@dataclass
class Traffic:
    """One process and its threads. ``counts`` says how often each thing happened."""

    home: Home
    reader: Front
    rate: float
    chance: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    threads: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def begin(
        cls, home: Home, *, rate: float, chance: random.Random
    ) -> AsyncIterator[Traffic]:
        """With a backend that is closed at the end."""
        async with front(home) as reader:
            yield cls(home, reader, rate, chance)

    async def live(self, seconds: float) -> None:
        """All conversations side by side, for so long."""
        end = asyncio.get_running_loop().time() + seconds
        async with asyncio.TaskGroup() as group:
            for _ in range(_CONVERSATIONS):
                group.create_task(self._converse(end))
            group.create_task(self._visit(end))

    async def _converse(self, end: float) -> None:
        doing: list[tuple[Callable[[str], Awaitable[None]], int]] = [
            (self._talk, 6),
            (self._call_tools, 4),
            (self._meet_a_fault, 3),
            (self._cancel, 2),
            (self._follow, 2),
            (self._look_around, 2),
        ]
        loop = asyncio.get_running_loop()
        while loop.time() < end:
            thread = f"thread-{uuid.uuid4().hex}"
            self.threads.append(thread)
            for _ in range(self.chance.randint(2, 8)):
                if loop.time() >= end:
                    break
                (do,) = self.chance.choices(*zip(*doing, strict=True))
                try:
                    await do(thread)
                    self.counts[do.__name__] += 1
                except BusyError:  # a visitor writes there
                    await self.reader.idle(thread)
            while len(self.threads) > _KEPT:
                await self._delete(self.threads.pop(0))

    async def _visit(self, end: float) -> None:
        """A second process, now and then: one question in one of the threads or a new one."""
        loop = asyncio.get_running_loop()
        while (left := end - loop.time()) > 0:
            await asyncio.sleep(min(left, self.chance.uniform(4, 12)))
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tui", "ask", "What is 17*23?"),
                *("--thread", self.chance.choice(["new", "last"])),
                cwd=ROOT,
                env=dict(self.home.environment()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            await process.wait()
            self.counts["visits"] += 1
            for summary in await self.reader.services.library.threads():
                if summary.id not in self.threads:
                    self.threads.insert(0, summary.id)

    # --- what is done in a thread ---------------------------------------------------------------

    async def _talk(self, thread: str) -> None:
        kind = self.chance.choice(["paragraphs", "list", "table", "fence", "mixed"])
        tokens = self.chance.randint(20, 600)
        await self._ask(thread, f'say = {{ tokens = {tokens}, kind = "{kind}" }}')

    async def _call_tools(self, thread: str) -> None:
        tool = self.chance.choice(["note", "ask_first"])
        said = 'say = { tokens = 40, kind = "paragraph" }'
        await self._ask(thread, calling(tool, uuid.uuid4().hex), said)

    async def _meet_a_fault(self, thread: str) -> None:
        kind = self.chance.choice(_FAULTS)
        said = 'say = { tokens = 60, kind = "paragraph" }'
        after = ", after = 20" if kind in _FAULTS[:5] else ""
        await self._ask(thread, f'fail = {{ kind = "{kind}"{after} }}', said)

    async def _cancel(self, thread: str) -> None:
        text = self._scenario('say = { tokens = 4000, kind = "paragraphs" }')
        run_id = await self.reader.send(thread, text)
        self.counts["runs"] += 1
        await asyncio.sleep(self.chance.uniform(0, 0.3))
        await self.reader.services.conversations.cancel(thread, run_id)
        await self.reader.ended(thread, run_id)

    async def _follow(self, thread: str) -> None:
        run_log = self.reader.services.run_log
        readers = [Following(await run_log.subscribe(thread)) for _ in range(3)]
        try:
            await self._talk(thread)
        finally:
            for each in readers:
                each.close()

    async def _look_around(self, thread: str) -> None:
        library = self.reader.services.library
        watch = library.watch()
        try:
            await self._look_at(thread)
        finally:
            watch.close()

    async def _look_at(self, thread: str) -> None:
        library = self.reader.services.library
        await library.save_draft(thread, "half a thought " * self.chance.randint(1, 50))
        await library.threads()
        transcript = await self.reader.look(thread)
        if transcript.seq:
            await library.mark_read(thread)
            await library.rename(thread, uuid.uuid4().hex)
        for run_id in transcript.runs:
            await self.reader.services.run_log.wire(run_id)
        await library.save_draft(thread, "")

    async def _delete(self, thread: str) -> None:
        with contextlib.suppress(NotFoundError, BusyError):
            await self.reader.services.library.delete(thread)
            self.counts["deleted"] += 1

    async def _ask(self, thread: str, *lines: str) -> None:
        """Send, approve or deny what asks, wait for the end."""
        run_id = await self.reader.send(thread, self._scenario(*lines))
        self.counts["runs"] += 1

        def settled(transcript: Transcript) -> bool:
            run = transcript.runs.get(run_id)
            return run is not None and run.state is not RunState.RUNNING

        transcript = await self.reader.until(thread, settled)
        while transcript.runs[run_id].state is RunState.WAITING:
            for call in transcript.calls_of(run_id):
                if call.state is ToolState.APPROVAL:
                    decision = Decision(approved=self.chance.random() < 0.7, by="user")
                    await self.reader.services.conversations.decide(
                        thread, run_id, call.call_id, decision
                    )
            transcript = await self.reader.until(thread, settled)

    def _scenario(self, *lines: str) -> str:
        return block(steps(*lines, rate=self.rate))
