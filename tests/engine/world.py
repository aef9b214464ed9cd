"""A conversation without a screen: the services over a memory store and a scripted provider."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.fakes.provider import ScriptedProvider, Turn
from tests.fakes.toolset import Always, FakeToolset, Function, echo
from tui.core import events as e
from tui.core.errors import ConfigError
from tui.core.models import Outcome, RunState
from tui.core.ports import ApprovalPolicy, Capabilities, Provider
from tui.core.services import SendMessage
from tui.core.settings import Limits, Profile
from tui.core.thread import Run, ToolCall
from tui.core.transcript import Transcript
from tui.engine.conversations import EngineConversations
from tui.engine.library import EngineLibrary, EngineRunLog
from tui.engine.threads import Threads
from tui.store.memory_store import MemoryThreadStore


@dataclass
class Source:
    """Hands out one provider for every profile but ``nowhere``; none is called as in ``absent``."""

    given: Provider
    embedded: bool = False
    absent: str = "absent"
    context_window: int | None = None
    given_for: list[Profile] = field(default_factory=list)

    def profile(self, name: str | None) -> Profile:
        if name == self.absent:
            raise ConfigError(f"There is no profile {name!r}.")
        return Profile(
            name=name or "default",
            embedded=self.embedded,
            model="its own",
            stateful=True,
            context_window=self.context_window,
        )

    async def provider(self, profile: Profile) -> Provider:
        self.given_for.append(profile)
        if profile.name == "nowhere":
            raise ConfigError("The profile needs a key.", hint="Set it.")
        return self.given


class World:
    """Services over a memory store and a scripted provider."""

    def __init__(
        self,
        *turns: Turn,
        functions: Mapping[str, Function] | None = None,
        policy: ApprovalPolicy | None = None,
        limits: Limits | None = None,
        on_cancel: Outcome | Exception = Outcome.CANCELLED,
        store: MemoryThreadStore | None = None,
        embedded: bool = False,
        stateful: bool = True,
        context_window: int | None = None,
    ) -> None:
        self.store = store or MemoryThreadStore()
        self.provider = ScriptedProvider(
            list(turns),
            on_cancel=on_cancel,
            capabilities=Capabilities(server_state=stateful),
        )
        self.toolset = FakeToolset(functions or {"echo": echo})
        self.threads = Threads(self.store)
        self.source = Source(self.provider, embedded, context_window=context_window)
        self.conversations = EngineConversations(
            threads=self.threads,
            providers=self.source,
            toolset=self.toolset,
            policy=policy or Always(),
            limits=limits or Limits(),
            owner="test",
        )
        self.library = EngineLibrary(self.threads, self.conversations)
        self.run_log = EngineRunLog(self.threads)
        self._ids = itertools.count(1 + sum(map(len, self.store.log.values())))

    async def send(
        self,
        text: str = "hello",
        *,
        profile: str | None = None,
        model: str | None = None,
        thread: str = "t",
        queue: bool = False,
    ) -> str:
        number = next(self._ids)
        command = SendMessage(
            thread_id=thread,
            message_id=f"u{number}",
            run_id=f"r{number}",
            text=text,
            profile=profile,
            model=model,
            queue=queue,
        )
        await self.conversations.send(command)
        return command.run_id

    async def ask(self, text: str = "hello", *, profile: str | None = None) -> Run:
        return await self.finished(await self.send(text, profile=profile))

    async def finished(self, run_id: str, thread: str = "t") -> Run:
        subscription = await self.run_log.subscribe(thread)
        changed = asyncio.Event()
        subscription.feed.notify(changed.set)
        async with asyncio.timeout(10):
            while subscription.transcript.runs[run_id].active:
                await changed.wait()
                changed.clear()
                for item in subscription.feed.drain():
                    if isinstance(item, e.Envelope):
                        subscription.transcript.apply(item)
        subscription.feed.close()
        return subscription.transcript.runs[run_id]

    async def transcript(self, thread: str = "t") -> Transcript:
        found = await self.store.load(thread)
        assert found is not None
        return found

    async def call(self, run_id: str, call_id: str) -> ToolCall:
        return (await self.transcript()).calls[run_id, call_id]

    def events(self, kind: type[e.Event], thread: str = "t") -> list[e.Event]:
        return [env.event for env in self.store.log[thread] if isinstance(env.event, kind)]

    async def until(self, run_id: str, state: RunState, thread: str = "t") -> None:
        """Return when the run is in this state."""
        async with asyncio.timeout(10):
            while True:
                run = (await self.transcript(thread)).runs.get(run_id)
                if run is not None and run.state is state:
                    return
                await asyncio.sleep(0)

    async def killed(self) -> None:
        """End as a process does that is killed: nothing more is written down."""
        log = {key: list(envelopes) for key, envelopes in self.store.log.items()}
        await self.conversations.close(cancel=False)
        self.store.log = log
        await self.store.recover()
