"""Recorded runs cut anywhere and asked about again: what was streamed, then Resume, is the whole.

In the same process, and in another one that knows only the transcript and the continuation.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from tests.providers.assistants_peer import frame
from tests.providers.conversation import Conversation
from tests.wire.test_assistants_chunking import RUNS, Streams, sse, streams
from tui.core.errors import ProviderError
from tui.core.models import Outcome
from tui.core.ports import NewMessages, Resume, RunRequest
from tui.core.settings import Profile
from tui.providers.assistants.api import AssistantsApi
from tui.providers.assistants.directory import AssistantDirectory
from tui.providers.assistants.session import AssistantsSession
from tui.providers.transport import OpenedResponse, Transport

__all__ = ["streams"]  # a fixture

PROFILE = Profile(name="p", model="m", base_url="http://127.0.0.1:1/v1")
Json = dict[str, Any]


class Recorded(OpenedResponse):
    """A response whose body is these bytes."""

    def __init__(self, body: bytes) -> None:
        self.url, self.status, self.request_id, self.content_type = "", 200, "", ""
        self._body = body

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._body

    async def close(self) -> None:
        """Nothing to give back."""


class RecordingServer(AssistantsApi):
    """Answers what a server would that had sent these streams; ``play`` is what arrives of them."""

    def __init__(self, streams: Streams, play: Sequence[bytes]) -> None:
        super().__init__(Transport(PROFILE, None))
        self._streams = streams
        self._play = list(play)
        self._sent = 0

    def _next(self) -> OpenedResponse:
        self._sent += 1
        return Recorded(self._play.pop(0))

    def _events(self, prefix: str) -> list[Json]:
        """The objects of all events so far, sent or not, the newest state of each last."""
        seen = [event for stream in self._streams[: self._sent] for event in sse([stream])]
        names = [(event.name, event.data) for event in seen]
        return [
            json.loads(data)
            for name, data in names
            if name.startswith(prefix) and not name.endswith(".delta")
        ]

    def _newest(self, prefix: str) -> list[Json]:
        return list({body["id"]: body for body in self._events(prefix)}.values())

    async def create_run(self, thread_id: str, body: Json) -> OpenedResponse:
        return self._next()

    async def submit_tool_outputs(self, thread_id: str, run_id: str, body: Json) -> OpenedResponse:
        return self._next()

    async def create_thread(self, body: Json) -> str:
        return "thread_made"

    async def retrieve_run(self, thread_id: str, run_id: str) -> Json:
        (run,) = [run for run in self._runs() if run["id"] == run_id]
        return run

    async def newest_runs(self, thread_id: str) -> list[Json]:
        return [{**run, "metadata": {"tickertape_run_id": "run-1"}} for run in self._runs()]

    def _runs(self) -> list[Json]:
        return [run for run in self._newest("thread.run.") if not run["id"].startswith("step")]

    async def _listed(self, found: list[Json]) -> AsyncIterator[Json]:
        for item in found:
            yield item

    def messages_of_run(self, thread_id: str, run_id: str) -> AsyncIterator[Json]:
        return self._listed(self._newest("thread.message."))

    def steps(self, thread_id: str, run_id: str) -> AsyncIterator[Json]:
        (run,) = self._runs()
        found = self._newest("thread.run.step.")
        if run["status"] == "requires_action":
            calls = run["required_action"]["submit_tool_outputs"]["tool_calls"]
            found[-1]["step_details"]["tool_calls"] = calls
        return self._listed(found)

    def assistants(self) -> AsyncIterator[Json]:
        return self._listed([{"id": "asst", "metadata": {"tickertape": "assistant"}}])


class Talk(Conversation):
    """A conversation over sessions that are made one by one."""

    def __init__(self) -> None:
        super().__init__(provider=None)  # type: ignore[arg-type]  # sessions are made here

    def session(self, server: RecordingServer, request: RunRequest) -> AssistantsSession:
        return AssistantsSession(
            api=server,
            directory=AssistantDirectory(server, PROFILE),
            tips={},
            profile=PROFILE,
            request=request,
        )

    async def whole(self, streams: Streams) -> Talk:
        """The run as it goes when nothing breaks."""
        session = self.session(RecordingServer(streams, streams), self.say("go"))
        await self._rest(session, await self.turn(session, NewMessages()))
        return self

    async def broken(self, streams: Streams, play: Sequence[bytes], *, elsewhere: bool) -> Talk:
        """The run as it goes when one stream arrives in part, asked about by the same session."""
        server = RecordingServer(streams, play)
        request = self.say("go")
        session = self.session(server, request)
        end = await self.turn(session, NewMessages())
        while end.needs:
            end = await self.turn(session, self.results(end))
        if end.outcome is Outcome.TRUNCATED:
            if elsewhere:
                again = RunRequest(
                    thread_id="local",
                    run_id=request.run_id,
                    history=self.transcript.history(),
                    continuation=self.run.continuation,
                )
                session = self.session(server, again)
            await self._rest(session, await self.turn(session, Resume()))
        return self

    async def _rest(self, session: AssistantsSession, end: Any) -> None:
        while end.needs:
            end = await self.turn(session, self.results(end))
        assert end.outcome is Outcome.COMPLETED

    @property
    def view(self) -> Json:
        view = self.transcript.view(times=False)
        # What a later session needs tells how far the stream went; everything else is the same.
        del view["runs"]["run-1"]["continuation"]
        return view


def cuts(stream: bytes) -> list[int]:
    """The end of every event, and a place inside each."""
    ends = [at + 2 for at in range(len(stream)) if stream[at : at + 2] == b"\n\n"]
    ends += [at + 4 for at in range(len(stream)) if stream[at : at + 4] == b"\r\n\r\n"]
    places = sorted({0, *ends})
    inside = [(a + b) // 2 for a, b in itertools.pairwise(places)]
    return sorted({*places, *inside})


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same process", "another process"])
async def test_the_stream_so_far_and_the_rest_are_the_whole(
    streams: Streams, elsewhere: bool
) -> None:
    whole = (await Talk().whole(streams)).view
    for number, stream in enumerate(streams):
        for at in cuts(stream):
            # What a stream that was cut leads to is asked for, and comes whole.
            play = [*streams[:number], stream[:at], *streams[number + 1 :]]
            talk = await Talk().broken(streams, play, elsewhere=elsewhere)
            assert talk.view == whole, (number, at)


def _annotated() -> bytes:
    run = {"id": "run_a", "thread_id": "thread_a"}
    note = {"type": "file_citation", "text": "[1]", "start_index": 3, "end_index": 6}
    message = {"id": "msg_a", "role": "assistant", "run_id": "run_a"}
    parts = [{"type": "text", "text": {"value": "so [1]", "annotations": [note]}}]
    return b"".join(
        [
            frame("thread.run.created", {**run, "status": "queued"}),
            frame("thread.message.created", {**message, "status": "in_progress", "content": []}),
            frame("thread.message.delta", {"id": "msg_a", "delta": {"content": parts}}),
            frame("thread.message.completed", {**message, "status": "completed", "content": parts}),
            frame("thread.run.completed", {**run, "status": "completed"}),
            frame("done", "[DONE]"),
        ]
    )


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same process", "another process"])
async def test_annotations_are_told_once(elsewhere: bool) -> None:
    stream = _annotated()
    whole = (await Talk().whole([stream])).view
    for at in cuts(stream):
        talk = await Talk().broken([stream], [stream[:at]], elsewhere=elsewhere)
        assert talk.view == whole, at


async def test_a_run_of_before_is_not_taken_for_ours() -> None:
    """Crashed before anything was sent: the continuation at hand is that of the run before."""
    folder, names = RUNS["interleaved"]
    recorded = [(folder / name).read_bytes() for name in names]
    talk = await Talk().whole(recorded)
    request = RunRequest(
        thread_id="local",
        run_id="run-2",
        history=talk.transcript.history(),
        continuation=talk.run.continuation,
    )
    server = RecordingServer(recorded, [])
    server._sent = 2
    with pytest.raises(ProviderError) as caught:
        [signal async for signal in talk.session(server, request).turn(Resume())]
    assert (caught.value.code, caught.value.sent) == ("run_not_found", False)
