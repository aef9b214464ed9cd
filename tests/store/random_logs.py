"""Random logs of one thread: what happens in real ones, in any order, with odd events between."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tui.core import events as e
from tui.core.events import Envelope, Event
from tui.core.models import (
    Decision,
    Need,
    Outcome,
    PartFinal,
    PartInput,
    PartKind,
    Problem,
    Role,
    ToolOrigin,
    ToolRef,
    Usage,
)

# Few ids, so that events meet: runs overlap, parts are finished twice, calls share an id.
_RUNS = st.sampled_from(["r1", "r2", "r3"])
_MESSAGES = st.sampled_from(["m1", "m2", "m3", "m4", "m5"])
_PARTS = st.sampled_from(["p1", "p2", "p3", "p4", "m1:0", "m2:1"])
_CALLS = st.sampled_from(["c1", "c2", "c3"])
# Any text, halves of surrogate pairs and NUL included: servers send such things.
_TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
_JSON = st.dictionaries(
    st.text(max_size=3), st.none() | st.booleans() | st.integers() | _TEXT, max_size=2
)
_PROBLEMS = st.builds(Problem, code=_TEXT, message=_TEXT, hint=_TEXT)
_KINDS = st.sampled_from(PartKind)
_INPUTS = st.builds(PartInput, kind=_KINDS, text=_TEXT)
_FINALS = st.builds(
    PartFinal,
    text=st.none() | _TEXT,
    arguments=st.none() | _TEXT,
    output=st.none() | _TEXT,
    is_error=st.booleans(),
)
_TOOLS = st.builds(
    ToolRef,
    name=_TEXT,
    call_id=_CALLS,
    origin=st.sampled_from(ToolOrigin),
    server=st.none() | _TEXT,
)

_THREAD_EVENTS: SearchStrategy[Event] = st.one_of(
    st.builds(
        e.ThreadChanged,
        title=st.none() | _TEXT,
        profile=st.none() | _TEXT,
        model=st.none() | _TEXT,
    ),
    st.builds(
        e.MessageAdded,
        message_id=_MESSAGES,
        parent_id=st.none() | _MESSAGES,
        role=st.sampled_from(Role),
        author=_TEXT,
        parts=st.lists(_INPUTS, max_size=2).map(tuple),
    ),
    st.builds(e.LeafSelected, message_id=_MESSAGES),
    st.builds(
        e.MessageQueued,
        message_id=_MESSAGES,
        run_id=_RUNS,
        author=_TEXT,
        parts=st.lists(_INPUTS, max_size=2).map(tuple),
        profile=st.none() | _TEXT,
    ),
    st.builds(e.MessageUnqueued, message_id=_MESSAGES),
)
_PART_STARTED = st.builds(
    e.PartStarted,
    message_id=_MESSAGES,
    part_id=_PARTS,
    index=st.integers(0, 3),
    kind=_KINDS,
    tool=st.none() | _TOOLS,
)
_DELTAS: SearchStrategy[Event] = st.one_of(
    st.builds(e.TextDelta, part_id=_PARTS, text=_TEXT),
    st.builds(e.ArgumentsDelta, part_id=_PARTS, fragment=_TEXT),
    st.builds(e.ToolOutputDelta, call_id=_CALLS, text=_TEXT),
)
_TOOL_EVENTS: SearchStrategy[Event] = st.one_of(
    st.builds(e.ToolStatusChanged, part_id=_PARTS, status=_TEXT),
    st.builds(e.ApprovalRequested, call_id=_CALLS),
    st.builds(
        e.ApprovalDecided,
        call_id=_CALLS,
        decision=st.builds(Decision, approved=st.booleans(), by=_TEXT, reason=_TEXT),
    ),
    st.builds(e.ToolStarted, call_id=_CALLS),
    st.builds(e.ToolFinished, call_id=_CALLS, output=_TEXT, is_error=st.booleans()),
    st.builds(e.OutputsSubmitted, call_ids=st.lists(_CALLS, max_size=2).map(tuple)),
)
_RUN_EVENTS: SearchStrategy[Event] = st.one_of(
    st.builds(e.RunStarted, parent_id=_MESSAGES, profile=_TEXT, model=_TEXT, owner=st.just("o")),
    st.builds(e.RunStatusChanged, status=_TEXT),
    st.builds(e.MessageStarted, message_id=_MESSAGES),
    st.builds(e.MessageFinished, message_id=_MESSAGES, complete=st.booleans()),
    st.builds(e.AnnotationAdded, part_id=_PARTS, annotation=_JSON),
    st.builds(e.PartFinished, part_id=_PARTS, final=st.none() | _FINALS),
    st.builds(
        e.UsageReported,
        usage=st.builds(Usage, input_tokens=st.integers(0), output_tokens=st.integers(0)),
    ),
    st.builds(
        e.TurnFinished,
        outcome=st.sampled_from(Outcome),
        needs=st.lists(
            st.builds(Need, call_id=_CALLS, name=_TEXT, arguments=_TEXT), max_size=2
        ).map(tuple),
        error=st.none() | _PROBLEMS,
    ),
    st.builds(e.NoticeAdded, text=_TEXT),
    st.builds(e.UnknownEvent, name=_TEXT),
    st.builds(e.TurnStarted, round=st.integers(1, 50)),
    st.builds(e.ContinuationChanged, continuation=_JSON),
    st.builds(e.RetryScheduled, attempt=st.integers(1, 5), delay=st.floats(0, 60), reason=_TEXT),
    st.builds(e.ContextTrimmed, messages=st.integers(0, 9), first_id=_MESSAGES),
    st.builds(e.CancelRequested, by=_TEXT),
)
_RUN_ENDS: SearchStrategy[Event] = st.one_of(
    st.builds(e.RunInterrupted, settle=st.booleans()),
    st.builds(e.RunResumed, owner=st.sampled_from(["o", "p"])),
    st.builds(
        e.RunFinished,
        outcome=st.sampled_from(Outcome),
        reason=_TEXT,
        error=st.none() | _PROBLEMS,
    ),
)


def _scene(run: str, message: str, part: str, call: str) -> list[tuple[str | None, Event]]:
    """A run as it usually goes, so that many events have something to act on."""
    tool = ToolRef(name="f", call_id=call)
    return [
        (run, e.RunStarted(parent_id="m1", profile="p", owner="o")),
        (run, e.MessageStarted(message_id=message)),
        (
            run,
            e.PartStarted(
                message_id=message, part_id=part, index=1, kind=PartKind.TOOL_CALL, tool=tool
            ),
        ),
        (run, e.ArgumentsDelta(part_id=part, fragment="{")),
        (run, e.ArgumentsDelta(part_id=part, fragment="}")),
    ]


_ONE: SearchStrategy[list[tuple[str | None, Event]]] = st.one_of(
    st.tuples(st.none() | _RUNS, _THREAD_EVENTS),
    st.tuples(_RUNS, _PART_STARTED),
    st.tuples(_RUNS, _DELTAS),
    st.tuples(_RUNS, _TOOL_EVENTS),
    st.tuples(_RUNS, _RUN_EVENTS),
    st.tuples(_RUNS, _RUN_ENDS),
).map(lambda each: [each])
_STEPS = st.lists(
    _ONE | st.builds(_scene, _RUNS, _MESSAGES, _PARTS, _CALLS), min_size=1, max_size=25
)


@st.composite
def random_logs(draw: st.DrawFn, thread: str = "t") -> Sequence[Envelope]:
    """A log that begins as every log does; clocks may jump, sequence numbers may skip."""
    created: tuple[str | None, Event] = (None, e.ThreadCreated(title="T", profile="p", model="m"))
    steps = [created, *(pair for step in draw(_STEPS) for pair in step)]
    # Stamps from a generator: hundreds of draws would cost more than what is tested.
    random = Random(draw(st.integers(0, 2**16)))
    seq = 0
    log: list[Envelope] = []
    for run, event in steps:
        seq += random.choice([1, 1, 1, 3]) if seq else 1
        log.append(
            Envelope(
                thread=thread,
                seq=seq,
                at=random.uniform(0, 2**31),
                mono=random.uniform(0, 2**31),
                event=event,
                run=run,
                turn=random.choice([None, 1]),
            )
        )
    return log
