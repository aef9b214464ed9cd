"""The pane: tabs, runs, and how it is kept up to date."""

from __future__ import annotations

import subprocess
import sys

from textual.pilot import Pilot

from tests.ui.fakes import FakeBackend
from tests.ui.inspector.host import Host, Script
from tests.ui.inspector.scenes import done
from tui.core.models import Outcome
from tui.ui.inspector.calls_view import CallsView
from tui.ui.inspector.heading import InspectorHeading
from tui.ui.inspector.wire_view import WireView


def _two_runs() -> Script:
    script = Script()
    script.begin("r1")
    script.raw("first.event", {})
    script.call("c1", "first_tool", "{}")
    script.finish(Outcome.CANCELLED)
    script.begin("r2")
    script.raw("second.event", {})
    script.call("c2", "second_tool", "{}")
    return script


def _focused(host: Host) -> type[object]:
    return type(host.focused)


async def _frame(pilot: Pilot[None], host: Host) -> str:
    host.catch_up()
    await pilot.pause()
    return host.text()


async def test_tabs_by_keys_and_clicks_keep_the_focus_inside() -> None:
    host = Host(done())
    async with host.run_test(size=(60, 20)) as pilot:
        await pilot.press("tab")
        assert _focused(host) is CallsView
        await pilot.press("right")
        assert _focused(host) is WireView
        assert "appear here, exactly as" in host.text()
        await pilot.press("1")
        assert _focused(host) is CallsView
        await pilot.click(InspectorHeading, offset=(21, 0))
        assert host.query_one(WireView).display
        await pilot.click(InspectorHeading, offset=(4, 0))
        assert host.query_one(CallsView).display


async def test_switching_the_tab_does_not_take_the_focus_from_elsewhere() -> None:
    host = Host(done())
    async with host.run_test(size=(60, 20)) as pilot:
        host.screen.set_focus(None)
        host.pane.show_wire()
        await pilot.pause()
        assert host.focused is None


async def test_an_earlier_run_is_shown_and_its_events_are_asked_for() -> None:
    host = Host(_two_runs())
    async with host.run_test(size=(60, 20)) as pilot:
        assert "Run 2 of 2" in host.text()
        assert "second_tool" in host.text()
        await pilot.press("tab", "left_square_bracket")
        assert "Run 1 of 2 · cancelled" in host.text()
        assert "first_tool" in host.text()
        assert host.asked == ["r1"]
        host.pane.show(host.script.transcript, "r1", host.script.wire["r1"])
        await pilot.press("2")
        assert "first.event" in host.text()
        await pilot.press("left_square_bracket", "right_square_bracket")
        assert host.asked == ["r1", "r2"]


async def test_what_happens_in_another_run_stays_there() -> None:
    host = Host(_two_runs())
    async with host.run_test(size=(60, 20)) as pilot:
        await pilot.press("tab", "left_square_bracket")
        host.script.raw("third.event", {})
        host.script.call("c3", "third_tool", "{}")
        assert "third" not in await _frame(pilot, host)
        await pilot.press("2")
        assert "third" not in host.text()


async def test_a_new_run_is_followed_from_the_newest_only() -> None:
    host = Host(_two_runs())
    async with host.run_test(size=(60, 20)) as pilot:
        host.script.begin("r3")
        assert "Run 3 of 3" in await _frame(pilot, host)
        await pilot.press("tab", "left_square_bracket", "left_square_bracket")
        host.script.begin("r4")
        assert "Run 1 of 4" in await _frame(pilot, host)


async def test_selecting_a_call_of_another_run_goes_there() -> None:
    host = Host(_two_runs())
    async with host.run_test(size=(60, 20)) as pilot:
        host.pane.show_wire()
        host.pane.select_call("c1")
        await pilot.pause()
        assert "Run 1 of 2" in host.text()
        assert "id c1" in host.text()
        assert host.asked == ["r1"]
        host.pane.select_call("unknown")
        assert "id c1" in host.text()


async def test_showing_the_same_run_again_keeps_the_place() -> None:
    host = Host(done())
    async with host.run_test(size=(60, 30)) as pilot:
        await pilot.press("tab", "home")
        before = host.text()
        host.script.deliver_to(host.pane)
        assert host.text() == before


async def test_live_and_reloaded_look_the_same() -> None:
    script = done()
    items = script.fresh()
    live = Host(Script())
    async with live.run_test(size=(60, 40)) as pilot:
        live.pane.show(script.transcript, None, ())
        for item in items:
            live.pane.apply(item)
            live.pane.flush()
        await pilot.pause()
        grown = live.text()
    reloaded = Host(script)
    async with reloaded.run_test(size=(60, 40)):
        assert reloaded.text() == grown


async def test_every_key_is_described() -> None:
    host = Host(done())
    async with host.run_test(size=(60, 20)) as pilot:
        await pilot.press("tab")
        for view in (CallsView, WireView):
            host.query_one(view).display = True
            host.query_one(view).focus()
            await pilot.pause()
            bindings = [each.binding for each in host.screen.active_bindings.values()]
            assert all(binding.description for binding in bindings if binding.action)
            keys = {binding.key for binding in bindings if binding.show}
            assert {"1", "2", "down", "c"} <= keys  # few, so that Esc still fits the footer


def test_it_is_light_to_import() -> None:
    """The first frame pays for this import."""
    code = (
        "import sys; import tui.ui.inspector.pane;"
        "bad = {'openai','httpx2','pydantic','jiter','starlette','uvicorn','markdown_it',"
        "'pygments.lexers'} & set(sys.modules); print(sorted(bad))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


async def test_raw_events_that_are_not_kept_any_longer_are_told() -> None:
    script = Script()
    script.begin()
    script.call("c1", "clock", "{}")
    script.finish()
    host = Host(script)
    async with host.run_test(size=(60, 20)) as pilot:
        await pilot.press("tab", "2")
        assert "appear here, exactly as" in host.text()  # not read yet
        host.pane.show(script.transcript, "r1", ())
        host.pane.flush()
        await pilot.pause()
        assert "kept for the newest runs only" in " ".join(host.text().split())


async def test_a_run_that_never_got_an_answer_had_no_raw_events() -> None:
    host = Host(Script())
    backend = FakeBackend()
    backend.say("t1", "hello?")
    backend.begin("t1", "r1").finish(Outcome.FAILED)
    async with host.run_test(size=(60, 20)) as pilot:
        host.pane.show(backend.transcript("t1"), "r1", ())
        await pilot.press("tab", "2")
        assert "newest runs only" not in " ".join(host.text().split())
