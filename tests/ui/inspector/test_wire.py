"""The wire tab: every raw event in order, cheap when there are thousands, exact when opened."""

from __future__ import annotations

import json

import pytest
from textual.pilot import Pilot

from tests.ui.inspector.host import Host, Script, shown
from tests.ui.inspector.scenes import wire
from tui.ui.inspector.arguments_view import ArgumentsView
from tui.ui.inspector.wire_view import WireView


def _list(host: Host) -> list[str]:
    return list(shown(host.query_one(WireView)))


def _open(host: Host) -> str:
    view = host.query_one("#wire-event", ArgumentsView)
    assert view.display
    return "\n".join(shown(view))


async def _frame(pilot: Pilot[None], host: Host) -> None:
    host.catch_up()
    await pilot.pause()


def _many(count: int) -> Script:
    script = Script()
    script.begin()
    for number in range(count):
        script.raw("thread.message.delta", {"n": number}, 0.001)
    return script


async def test_events_come_in_order_with_their_times() -> None:
    host = Host(wire())
    async with host.run_test(size=(70, 40)) as pilot:
        await pilot.press("tab", "2")
        rows = _list(host)
        assert rows[0].split() == ["0", "+0.041", "thread.run.created", "79", "B"]
        assert rows[29].split() == ["29", "+1.150", "done", "6", "B"]


async def test_it_follows_the_newest_until_the_reader_moves() -> None:
    host = Host(_many(100))
    async with host.run_test(size=(60, 20)) as pilot:
        await pilot.press("tab", "2")
        host.script.raw("thread.run.completed", {})
        await _frame(pilot, host)
        assert "thread.run.completed" in _list(host)[-1]
        await pilot.press("up", "up")
        before = _list(host)
        host.script.raw("done", "[DONE]")
        await _frame(pilot, host)
        assert _list(host) == before
        await pilot.press("end")
        assert "done" in _list(host)[-1]


async def test_an_event_is_opened_as_it_came() -> None:
    host = Host(wire())
    async with host.run_test(size=(70, 40)) as pilot:
        await pilot.press("tab", "2", "enter")
        assert "[DONE]" in _open(host)
        assert "not valid" not in _open(host)
        await pilot.press("home")
        shown_json = _open(host).split("\n", 1)[1]
        assert json.loads(shown_json) == json.loads(host.script.wire["r1"][0].data)
        for shown in (False, True, False):
            await pilot.press("enter")
            assert host.query_one("#wire-event").display == shown
            assert host.query_one(WireView).cursor == 0
        await pilot.press("down")
        assert "1 · " in _open(host)


async def test_tab_goes_into_the_open_event_and_closing_it_comes_back() -> None:
    host = Host(wire())
    async with host.run_test(size=(70, 40)) as pilot:
        await pilot.press("tab", "2", "down", "tab")
        assert host.focused is host.query_one("#wire-event")
        host.query_one(WireView).action_open_or_close()
        await pilot.pause()
        assert host.focused is host.query_one(WireView)


async def test_a_malformed_event_is_marked_where_it_breaks() -> None:
    script = Script()
    script.begin()
    script.raw("thread.run.step.delta", '{"id": "step_1", "delta": {oops')
    host = Host(script)
    async with host.run_test(size=(70, 30)) as pilot:
        await pilot.press("tab", "2", "enter")
        assert "not valid JSON from character 28" in _open(host)
        assert "oops" in _open(host)


async def test_copying_an_event() -> None:
    script = Script()
    script.begin()
    script.raw("x", '{"a": "\u202e", "b":1}')
    host = Host(script)
    async with host.run_test(size=(70, 30)) as pilot:
        await pilot.press("tab", "2", "c")
        assert host.clipboard == '{"a": "\\u202e", "b":1}'
        assert json.loads(host.clipboard) == json.loads(script.wire["r1"][0].data)


async def test_a_click_opens_the_event_below_it() -> None:
    host = Host(wire())
    async with host.run_test(size=(70, 50)) as pilot:
        await pilot.press("tab", "2")
        await pilot.click(WireView, offset=(20, 3))
        await pilot.pause()
        assert "3 · thread.run.step.created" in _open(host)


async def test_thousands_of_events_cost_what_is_in_view(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(_many(5_000))
    async with host.run_test(size=(60, 20)) as pilot:
        await pilot.press("tab", "2")
        laid_out = 0
        lay_out_row = WireView._row

        def count(self: WireView, place: int, width: int) -> object:
            nonlocal laid_out
            laid_out += 1
            return lay_out_row(self, place, width)

        monkeypatch.setattr(WireView, "_row", count)
        host.script.raw("done", "[DONE]")
        await _frame(pilot, host)
        assert "5000" in _list(host)[-1]
        assert laid_out <= 20


async def test_events_from_the_log_and_live_ones_are_one_list() -> None:
    script = _many(3)
    host = Host(script)
    async with host.run_test(size=(60, 20)) as pilot:
        from_log = list(script.wire["r1"])
        script.raw("late", {})
        await _frame(pilot, host)
        # What was read before the live one came must not hide it, and nothing comes twice.
        host.pane.show(script.transcript, "r1", from_log)
        host.pane.apply(from_log[-1])
        host.pane.show_wire()
        await pilot.pause()
        assert [row.split()[0] for row in _list(host) if row] == ["0", "1", "2", "3"]


async def test_names_keep_their_end_when_it_is_narrow() -> None:
    host = Host(wire())
    async with host.run_test(size=(32, 40)) as pilot:
        await pilot.press("tab", "2")
        assert all(row.rstrip().endswith("step.delta") for row in _list(host)[4:28])


async def test_hostile_names_and_data_are_shown_harmless() -> None:
    script = Script()
    script.begin()
    script.raw("\x1b[2J\nname[bold]\u202e", "\x1b]0;x\x07")
    host = Host(script)
    async with host.run_test(size=(70, 20)) as pilot:
        await pilot.press("tab", "2", "enter")
        text = host.text()
        assert not set("\x1b\x07\u202e") & set(text)
        assert "␛[2J name[bold]⟨U+202E⟩" in text
