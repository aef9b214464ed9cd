"""Faults of the wire: the stream breaks as asked, and the run goes on behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx2
import pytest

from tests.server.conftest import Peer, decode_events
from tests.server.scripted import Hold, Step, end, say
from tui.core.ports import WireFault


def start(peer: Peer, *steps: Step) -> tuple[str, str]:
    """The path of a new thread's runs, and an assistant that takes these steps."""
    assistant = peer.assistant(lambda *_: steps)
    return f"/threads/{peer.thread('hi')}/runs", assistant


def frames(response: httpx2.Response) -> Iterator[str]:
    """The events of a response that is still being sent, one at a time."""
    rest = ""
    for text in response.iter_text():
        rest += text
        while "\n\n" in rest:
            frame, rest = rest.split("\n\n", 1)
            yield frame


def settled(peer: Peer, path: str) -> str:
    """How the only run below the path ends."""
    run = peer.http.get(path).json()["data"][0]
    thread = run["thread_id"]
    client = peer.client.beta.threads.runs
    return client.poll(run["id"], thread_id=thread, poll_interval_ms=5).status


def test_disconnect_breaks_the_connection_and_not_the_run(peer: Peer) -> None:
    hello = say("before ", "after")
    path, assistant = start(
        peer, *hello[:3], WireFault(kind="disconnect"), Hold("broken"), *hello[3:], end()
    )
    seen: list[str] = []
    body = {"assistant_id": assistant, "stream": True}
    with (
        pytest.raises(httpx2.RemoteProtocolError, match="incomplete"),
        peer.http.stream("POST", path, json=body) as response,
    ):
        seen.extend(frames(response))
    assert "before " in seen[-1]
    assert peer.http.get(path).json()["data"][0]["status"] == "in_progress"
    peer.provider.release("broken")
    assert settled(peer, path) == "completed"
    newest = peer.http.get(path.replace("runs", "messages")).json()["data"][0]
    assert newest["content"][0]["text"]["value"] == "before after"


def test_truncate_ends_the_response_as_if_all_were_well(peer: Peer) -> None:
    path, assistant = start(peer, *say("before"), WireFault(kind="truncate"), end())
    events = peer.stream(path, {"assistant_id": assistant})
    assert events[-1][0] == "thread.message.completed"
    assert settled(peer, path) == "completed"


def test_stall_holds_back_what_the_run_says_meanwhile(peer: Peer) -> None:
    path, assistant = start(
        peer, *say("before"), WireFault(kind="stall", seconds=0.2), *say("after", name="n"), end()
    )
    with peer.http.stream("POST", path, json={"assistant_id": assistant, "stream": True}) as got:
        for frame in frames(got):
            if frame.startswith("event: thread.message.completed"):
                break
        # The client has seen no more than this, and the run is over already.
        assert settled(peer, path) == "completed"


def test_a_stall_ends_by_itself_and_nothing_is_lost(peer: Peer) -> None:
    path, assistant = start(
        peer, *say("before"), WireFault(kind="stall", seconds=0.05), *say("after", name="n"), end()
    )
    events = peer.stream(path, {"assistant_id": assistant})
    assert events[-1] == ("done", "[DONE]")
    assert [name for name, _ in events].count("thread.message.completed") == 2


def test_a_stall_for_ever_ends_when_the_client_leaves(peer: Peer) -> None:
    path, assistant = start(
        peer, *say("before"), WireFault(kind="stall"), *say("after", name="n"), end()
    )
    body = {"assistant_id": assistant, "stream": True}
    with (
        pytest.raises(httpx2.ReadTimeout),
        peer.http.stream("POST", path, json=body, timeout=0.3) as response,
    ):
        for _ in frames(response):
            pass
    assert settled(peer, path) == "completed"


def test_malformed_is_one_broken_frame_among_good_ones(peer: Peer) -> None:
    path, assistant = start(peer, *say("before"), WireFault(kind="malformed"), end())
    raw = peer.post(path, {"assistant_id": assistant, "stream": True}).text
    broken = 0
    for frame in raw.split("\n\n")[:-2]:
        try:
            json.loads(frame.split("data: ", 1)[1])
        except ValueError:
            broken += 1
    assert broken == 1
    assert "event: thread.run.completed" in raw


def test_an_unknown_event_is_valid_but_nobody_knows_it(peer: Peer) -> None:
    path, assistant = start(peer, WireFault(kind="unknown_event", message="boo"), *say("x"), end())
    events = peer.stream(path, {"assistant_id": assistant})
    assert ("thread.sandbox.unheard_of", "boo") in [
        (name, data["message"]) for name, data in events if "message" in data
    ]
    assert events[-2][0] == "thread.run.completed"


def test_an_error_event_ends_the_run(peer: Peer) -> None:
    fault = WireFault(kind="error_event", message="The model fell over.")
    path, assistant = start(peer, *say("before")[:3], fault, *say("never", name="n"), end())
    raw = peer.post(path, {"assistant_id": assistant, "stream": True}).content
    events = decode_events(raw)
    names = [name for name, _ in events]
    error = events[names.index("error")][1]
    assert error == {
        "message": "The model fell over.",
        "type": "server_error",
        "param": None,
        "code": "server_error",
    }
    assert names[-2:] == ["thread.run.failed", "done"]
    assert events[-2][1]["last_error"] == {
        "code": "server_error",
        "message": "The model fell over.",
    }
    assert "never" not in raw.decode()


@pytest.mark.parametrize("kind", ["disconnect", "truncate", "stall", "malformed", "unknown_event"])
def test_a_run_that_nobody_watches_does_not_notice(peer: Peer, kind: str) -> None:
    fault = WireFault(kind=kind)  # type: ignore[arg-type]  # one of the kinds, spelt out above
    path, assistant = start(peer, *say("before"), fault, *say("after", name="n"), end())
    peer.post(path, {"assistant_id": assistant})
    assert settled(peer, path) == "completed"
