"""The screen's state: the open thread, what arrives for it, and the panes that show both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer

from tui.core.errors import TickertapeError
from tui.core.events import Envelope
from tui.core.models import RunId, ThreadId
from tui.core.sanitise import sanitise
from tui.core.services import LogItem, Services, ThreadReloaded
from tui.core.thread import ToolCall
from tui.ui import wording
from tui.ui.approval import ApprovalBar
from tui.ui.chat.view import ChatView
from tui.ui.clock import FrameClock
from tui.ui.composer import Composer
from tui.ui.desk import Desk
from tui.ui.inspector.pane import InspectorPane
from tui.ui.panes import SIDES, PaneLayout, Side
from tui.ui.session import OpenThread
from tui.ui.status import StatusLine
from tui.ui.threads.pane import UNTITLED, ThreadsPane
from tui.ui.welcome import startup_problem, welcome

Connect = Callable[[], Awaitable[Services]]

_REMARK_SECONDS = 6
_DRAFT_SECONDS = 0.5


class ThreadScreen(Screen[None]):
    """Everything but the keys (see ``MainScreen``): connecting, threads, frames, status."""

    DEFAULT_CSS = (Path(__file__).parent / "screen.tcss").read_text(encoding="utf-8")

    def __init__(self, connect: Connect, now: Callable[[], float]) -> None:
        super().__init__()
        self._connect = connect
        self._now = now
        self._desk: Desk | None = None
        self._clock: FrameClock | None = None
        self._panes = PaneLayout()
        self._place = "Starting…"
        self._remark = ""
        self._remark_timer: Timer | None = None
        self._draft_timer: Timer | None = None
        self._draft_shown: OpenThread | None = None
        self._draft_refused = False
        self._seconds: Timer | None = None
        self._threads = ThreadsPane(now)
        self._chat = ChatView()
        self._approval = ApprovalBar()
        self._composer = Composer()
        self._inspector = InspectorPane(id="inspector")
        self._status = StatusLine()

    def compose(self) -> ComposeResult:
        """Three panes, the status line and the footer."""
        with Horizontal(id="body"):
            yield self._threads
            with Vertical(id="middle"):
                yield self._chat
                yield self._approval
                yield self._composer
            yield self._inspector
        yield self._status
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Paint first; everything that takes time begins after the first frame."""
        self._clock = FrameClock(lambda: self.call_next(self._frame))
        self._seconds = self.set_interval(1, self._sync_state, pause=True)
        self.set_interval(60, self._threads.redraw_times)
        self._arrange_panes()
        self._composer.focus()
        self.call_after_refresh(self._begin_work)

    def on_unmount(self) -> None:
        """Nothing wakes this screen any more."""
        if self._clock is not None:
            self._clock.close()
        if self._desk is not None:
            self._desk.close()

    def on_screen_resume(self) -> None:
        """A frame that a dialog covered is not waited for."""
        if self._clock is not None:
            self._clock.painted()

    # --- starting --------------------------------------------------------------------------

    def _begin_work(self) -> None:
        self.run_worker(self._connect_services(), group="connect")
        self.run_worker(_warm_up, thread=True, group="warm")

    async def _connect_services(self) -> None:
        try:
            services = await self._connect()
            desk = Desk(services, self._wake)
            await self._start_desk(desk)
        except TickertapeError as error:
            self._place = "Not started"
            self._sync_state()
            await self._chat.show_notice(startup_problem(error))

    async def _start_desk(self, desk: Desk) -> None:
        try:
            self._threads.show(await desk.start())
        except TickertapeError:
            desk.close()
            raise
        self._desk = desk
        self._restore_choices(desk)
        self._wake()
        await self._open_first_thread(desk)

    async def _open_first_thread(self, desk: Desk) -> None:
        last = desk.preference("thread")
        if self._threads.summary(last) is None or not await self._attempt(desk.open_thread(last)):
            desk.begin_thread()
        self._show_thread()
        await self._restore_draft()

    def _restore_choices(self, desk: Desk) -> None:
        for side in SIDES:
            self._panes.wanted[side] = desk.preference(f"pane.{side}", "shown") != "hidden"
        self._arrange_panes()
        if (theme := desk.preference("theme")) in self.app.available_themes:
            self.app.theme = theme

    # --- threads ---------------------------------------------------------------------------

    async def _open_thread(self, thread_id: ThreadId) -> None:
        desk = self._desk
        if desk is None or thread_id == desk.thread.id or not await self._keep_draft(desk):
            return
        key, kept = desk.thread.draft_key, self._composer.text
        if not await self._attempt(desk.open_thread(thread_id)):
            return
        if self._composer.text != kept:  # written while the thread was read
            self.run_worker(self._attempt(desk.save_draft(key, self._composer.text)))
        self._composer.put("")
        desk.prefer("thread", thread_id)
        self._show_thread()
        await self._attempt(desk.mark_read(thread_id))
        await self._restore_draft()

    async def _begin_thread(self) -> None:
        desk = self._desk
        if desk is None or not await self._keep_draft(desk):
            return
        self._composer.put("")
        self._show_new_thread(desk)
        await self._restore_draft()

    def _show_new_thread(self, desk: Desk) -> None:
        desk.begin_thread()
        desk.prefer("thread", "")
        self._show_thread()

    def _show_thread(self) -> None:
        desk = self._desk
        if desk is None:
            return
        thread = desk.thread
        self._chat.show(thread.transcript, welcome(desk.profile))
        run = thread.latest_run()
        self._inspector.show(thread.transcript, run.id if run else None, ())
        self._inspector.flush()
        self._threads.set_current(thread.id)
        self._sync_state()
        if run is not None:
            self._inspect(run.id)

    def _inspect(self, run_id: RunId) -> None:
        self.run_worker(self._load_run(run_id), group="inspect", exclusive=True)

    async def _load_run(self, run_id: RunId) -> None:
        desk = self._desk
        if desk is None:
            return
        thread = desk.thread
        try:
            wire = await desk.wire(run_id)
        except TickertapeError as error:
            self._complain(error)
            return
        if desk.thread is thread:
            self._inspector.show(thread.transcript, run_id, wire)
            self._inspector.flush()

    # --- drafts ----------------------------------------------------------------------------

    def on_text_area_changed(self) -> None:
        """Keep what is being written, every moment while the keys go on."""
        if self._draft_timer is None:
            self._draft_timer = self.set_timer(_DRAFT_SECONDS, self._save_draft)

    def _save_draft(self) -> None:
        self._draft_timer = None
        # What is typed before the thread's draft has come back must not take its place.
        if self._desk is not None and self._draft_shown is self._desk.thread:
            self.run_worker(self._save_draft_or_say_once(self._desk), group="draft")

    async def _save_draft_or_say_once(self, desk: Desk) -> None:
        told, self._draft_refused = self._draft_refused, False
        try:
            await desk.save_draft(desk.thread.draft_key, self._composer.text)
        except TickertapeError as error:
            self._draft_refused = True
            if not told:
                self._complain(error)

    def _has_draft(self, desk: Desk) -> bool:
        """Whether the box says what the draft is: empty, it may not have come back yet."""
        return bool(self._composer.text) or self._draft_shown is desk.thread

    async def _keep_draft(self, desk: Desk) -> bool:
        """Store the unsent text before leaving its thread; without that, it is not left."""
        if not self._has_draft(desk):
            return True
        return await self._attempt(desk.save_draft(desk.thread.draft_key, self._composer.text))

    async def _restore_draft(self) -> None:
        desk = self._desk
        if desk is None:
            return
        thread = desk.thread
        try:
            text = await desk.draft(thread.draft_key)
        except TickertapeError as error:
            self._complain(error)
            return
        if desk.thread is not thread:
            return
        self._draft_shown = thread
        if text and text != self._composer.text:
            self._composer.put_back(text)  # before what was typed while it was read
        elif self._composer.text:
            self.on_text_area_changed()

    async def save_before_quitting(self) -> None:
        """Put the unsent text on disk."""
        if self._desk is not None and self._has_draft(self._desk):
            key = self._desk.thread.draft_key
            await self._desk.save_draft_before_quitting(key, self._composer.text)

    # --- frames ----------------------------------------------------------------------------

    def _wake(self) -> None:
        if self._clock is not None:
            self._clock.wake()

    def _frame(self) -> None:
        if self._desk is not None:
            self._take_summaries(self._desk)
            for item in self._desk.thread.drain():
                self._take(item, self._desk.thread)
            self._threads.flush()
            self._chat.flush()
            self._inspector.flush()
            self._sync_state()
        if self._clock is not None:
            self.call_after_refresh(self._clock.painted)

    def _take_summaries(self, desk: Desk) -> None:
        for summary in desk.changes.drain():
            self._threads.apply(summary)
            if summary.id == desk.thread.id and summary.deleted:
                self._show_new_thread(desk)  # unsent text stays where it is
                self.run_worker(self._restore_draft(), group="restore")
            elif summary.id == desk.thread.id and summary.unread:
                self.run_worker(self._attempt(desk.mark_read(summary.id)), group="read")

    def _take(self, item: LogItem, thread: OpenThread) -> None:
        if isinstance(item, ThreadReloaded):
            thread.transcript = item.transcript
            self._show_thread()
            return
        if isinstance(item, Envelope):
            thread.transcript.apply(item)
        self._chat.apply(item)
        self._inspector.apply(item)

    def _sync_state(self) -> None:
        desk = self._desk
        if desk is None:
            self._status.show(target=self._place, run="", remark=self._remark)
            return
        thread = desk.thread
        run = thread.latest_run()
        self._chat.set_title(wording.one_line(thread.transcript.title, 200) or UNTITLED)
        self._ask_about(thread.waiting_calls())
        self._status.show(
            target=self._target(desk),
            run="" if run is None else wording.run_state(run, self._now()),
            remark=self._remark,
        )
        if self._seconds is not None:
            (self._seconds.resume if thread.active_run() else self._seconds.pause)()

    def _target(self, desk: Desk) -> str:
        profile = desk.profile
        if profile is None:
            return "no profile"
        if profile.problem is not None:
            return wording.problem_text(profile.problem)
        parts = dict.fromkeys(filter(None, (profile.name, profile.model)))
        return wording.one_line(" · ".join(parts))

    def _ask_about(self, calls: list[ToolCall]) -> None:
        had_focus = self._approval.has_focus_within
        self._approval.show(calls)
        if had_focus and not self._approval.display:
            self._composer.focus()

    # --- words to the reader ---------------------------------------------------------------

    def _say(self, remark: str) -> None:
        """A passing remark in the status line."""
        self._remark = sanitise(remark)
        if self._remark_timer is not None:
            self._remark_timer.stop()
        self._remark_timer = self.set_timer(_REMARK_SECONDS, self._say_nothing)
        self._sync_state()

    def _say_nothing(self) -> None:
        self._remark = ""
        self._sync_state()

    def _complain(self, error: TickertapeError) -> None:
        """What went wrong, with its hint; stays long enough to be read."""
        text = wording.problem_text(error.problem)
        self.notify(text, severity="error", timeout=12, markup=False)

    async def _attempt(self, act: Awaitable[None]) -> bool:
        """Await a command; a failure becomes a sentence on screen and False."""
        try:
            await act
        except TickertapeError as error:
            self._complain(error)
            return False
        return True

    # --- panes -----------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Choose between three panes, overlays, and almost nothing."""
        self._panes.resize(event.size.width, event.size.height)
        self._arrange_panes()
        self._composer.fit()
        self._approval.fit(event.size.height)

    def _arrange_panes(self) -> None:
        self.set_class(not self._panes.wide, "-narrow")
        self.set_class(self._panes.tiny, "-tiny")
        for side in SIDES:
            pane, visible = self._pane(side), self._panes.visible(side)
            if not visible and pane.has_focus_within:
                self._composer.focus()
            pane.display = visible
        # Textual tells a pane of the same size nothing when a scroll reveals it: ask it to paint.
        self.call_after_refresh(self._inspector.flush)

    def _pane(self, side: Side) -> ThreadsPane | InspectorPane:
        return self._threads if side == "threads" else self._inspector


def _warm_up() -> None:
    """Import and exercise what the first answer needs; runs in a thread after the first frame."""
    from tui.ui.chat.markdown import warm

    warm()
