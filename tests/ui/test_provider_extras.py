"""What today's protocols add: sources, refusals, calls that the provider runs, what a run cost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from tests.ui.driving import SMALL, WIDE, running, status, text_of, until
from tests.ui.fakes import FakeBackend, FakeRun
from tui.core import events as e
from tui.core.models import JsonObject, PartFinal, PartKind, ToolOrigin, Usage
from tui.core.settings import Price
from tui.ui.chat.sources import Source, sources
from tui.ui.cost import cost_text
from tui.ui.leaving import Leaving


def in_thread() -> tuple[FakeBackend, FakeRun]:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.say("t1", "a question")
    backend.remembered["thread"] = "t1"
    return backend, backend.begin("t1", "r1")


def log(pilot: Pilot[Leaving]) -> str:
    return " ".join(text_of(pilot, "#log").split())


def inspector(pilot: Pilot[Leaving]) -> str:
    said = text_of(pilot, "#inspector")
    return " ".join("".join(each if each not in "│▏╵" else " " for each in said).split())


# --- sources -------------------------------------------------------------------------------

_PAGE = {"type": "url_citation", "url": "https://example.org/a", "title": "A page"}


@pytest.mark.parametrize(
    ("annotation", "source"),
    [
        (_PAGE, Source("A page  https://example.org/a", "https://example.org/a")),
        (
            {"type": "url_citation", "url_citation": {"url": "http://b.example/", "title": ""}},
            Source("http://b.example/", "http://b.example/"),
        ),
        (
            {"type": "url_citation", "url": "javascript:alert(1)", "title": "Click"},
            Source("Click  javascript:alert(1)", None),
        ),
        (
            {"type": "url_citation", "url": "https://e.example/\x1b]8;;x", "title": "a\nb"},
            Source("a b  https://e.example/␛]8;;x", None),
        ),
        (
            {"type": "file_citation", "file_id": "file-1", "filename": "notes.md", "index": 3},
            Source("notes.md", None),
        ),
        ({"type": "file_citation", "file_citation": {"file_id": "file-2"}}, Source("file-2", None)),
        (
            {"type": "container_file_citation", "container_id": "c", "filename": "plot.png"},
            Source("plot.png", None),
        ),
    ],
)
def test_each_kind_of_annotation_names_its_source(annotation: JsonObject, source: Source) -> None:
    assert sources([annotation]) == [source]


def test_sources_are_told_once_each() -> None:
    file = {"type": "file_citation", "filename": "notes.md"}
    later = {**_PAGE, "start_index": 40}
    told = sources([_PAGE, file, later, {"type": "odd"}, {"type": "url_citation"}])
    assert [source.label for source in told] == ["A page  https://example.org/a", "notes.md"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
_KEYS = st.sampled_from(["type", "url", "title", "filename", "file_id", "url_citation"])
_VALUES = _JSON | st.sampled_from(["url_citation", "file_citation", "http://["])


@given(st.lists(st.dictionaries(_KEYS, _VALUES)))
def test_no_annotation_breaks_the_list(annotations: list[JsonObject]) -> None:
    assert "\n" not in "".join(source.label for source in sources(annotations))


async def test_sources_grow_below_their_text() -> None:
    backend, run = in_thread()
    async with running(backend, SMALL) as pilot:
        part = run.text("See there.", end=False)
        await until(pilot, lambda: "See there." in log(pilot))
        run.emit(e.AnnotationAdded(part_id=part, annotation=_PAGE))
        await until(pilot, lambda: "See there. [1] A page https://example.org/a" in log(pilot))
        file = {"type": "file_citation", "filename": "notes.md"}
        run.emit(e.AnnotationAdded(part_id=part, annotation=file))
        run.emit(e.TextDelta(part_id=part, text=" And here."))
        await until(pilot, lambda: "[2] notes.md" in log(pilot))
        await until(pilot, lambda: log(pilot).index("And here.") < log(pilot).index("[1]"))
        run.correct(part, "Corrected.")
        await until(pilot, lambda: "Corrected. [1] A page" in log(pilot))


async def test_a_refusal_says_that_it_is_one() -> None:
    backend, run = in_thread()
    run.text("I cannot help with that.", kind=PartKind.REFUSAL)
    run.finish()
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "Refused: I cannot help with that." in log(pilot))


# --- calls that the provider runs ----------------------------------------------------------


async def test_a_hosted_call_tells_the_providers_own_word_then_its_result() -> None:
    backend, run = in_thread()
    async with running(backend, WIDE) as pilot:
        run.call("web_search", end=False, origin=ToolOrigin.HOSTED)
        await until(pilot, lambda: "web_search running" in log(pilot))
        run.emit(e.ToolStatusChanged(part_id="r1-p0", status="in_progress"))
        await until(pilot, lambda: "web_search in progress" in log(pilot))
        assert "0 chars" not in log(pilot)
        final = PartFinal(arguments='{"query": "sky"}', output="3 results")
        run.emit(e.PartFinished(part_id="r1-p0", final=final))
        await until(pilot, lambda: "✓ web_search done" in log(pilot))
        assert "3 results" in inspector(pilot)
        await pilot.press("f6", "up")
        await until(pilot, lambda: "runs at the provider" in inspector(pilot))


async def test_streamed_code_of_a_hosted_tool_grows_in_both_panes() -> None:
    backend, run = in_thread()
    async with running(backend, WIDE) as pilot:
        run.call("code_interpreter", "print(1)", end=False, origin=ToolOrigin.HOSTED)
        run.emit(e.ToolStatusChanged(part_id="r1-p0", status="interpreting"))
        await until(pilot, lambda: "interpreting, 8 chars" in log(pilot))
        assert "print(1)" in inspector(pilot)


async def test_a_remote_call_that_needs_approval_says_where_it_runs() -> None:
    backend, run = in_thread()
    arguments = '{"path": "a"}'
    call = run.call("read_file", arguments, origin=ToolOrigin.REMOTE_MCP, server="docs\x1b[2J")
    run.emit(e.ApprovalRequested(call_id=call))
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "Run read_file?" in text_of(pilot, "#approval"))
        told = " ".join(text_of(pilot, "#approval").replace("│", " ").split())
        assert "at the provider's server docs␛[2J, not on this machine." in told
        assert "read_file @docs␛[2J" in log(pilot)
        await pilot.press("f8")
        await until(pilot, lambda: backend.decisions[call].approved if backend.decisions else False)


async def test_a_local_call_needs_no_such_words() -> None:
    backend, run = in_thread()
    run.emit(e.ApprovalRequested(call_id=run.call("read_file", "{}")))
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "Run read_file?" in text_of(pilot, "#approval"))
        assert "not on this machine" not in text_of(pilot, "#approval")


# --- costs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "price", "text"),
    [
        (Usage(input_tokens=1_000_000), Price(input=2.5), "cost 2.500"),
        (Usage(output_tokens=187, input_tokens=412), Price(input=1, output=4), "cost 0.001160"),
        (
            Usage(input_tokens=1000, cached_tokens=800),
            Price(input=10, cached=1),
            "cost 0.002800",
        ),
        (Usage(input_tokens=1000, cached_tokens=800), Price(input=10), "cost 0.01000"),
        (Usage(input_tokens=10, cached_tokens=800), Price(input=10, cached=1), "cost 0.00001000"),
        (Usage(input_tokens=1_234_567_890), Price(input=10), "cost 12,346"),
        (Usage(), Price(input=10), "cost 0"),
        (None, Price(input=10), ""),
        (Usage(input_tokens=3), None, ""),
    ],
)
def test_costs_have_four_digits(usage: Usage | None, price: Price | None, text: str) -> None:
    assert cost_text(usage, price) == text


async def test_the_cost_of_a_run_is_told_where_its_tokens_are() -> None:
    backend, run = in_thread()
    prices = {"sandbox-1": Price(input=1, output=4)}
    backend.profile = replace(backend.profile, prices=prices)
    run.text("done")
    run.emit(e.UsageReported(usage=Usage(input_tokens=412, output_tokens=187)))
    run.finish()
    async with running(backend, WIDE) as pilot:
        await until(pilot, lambda: "412 in, 187 out · cost 0.001160" in status(pilot))
        assert "cost 0.001160" in inspector(pilot)
