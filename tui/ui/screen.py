"""The screen's state: the open thread, what arrives for it, and the panes that show both."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Awaitable, Callable
from functools import partial

from textual.timer import Timer
from textual.worker import WorkType

from tui.core.errors import TickertapeError
from tui.core.events import Envelope, RunFinished, RunInterrupted, RunResumed, RunStarted
from tui.core.models import Problem, RunId, ThreadId
from tui.core.services import LogItem, Services, ThreadReloaded
from tui.core.thread import Run
from tui.ui import wording
from tui.ui.clock import FAST, FrameClock
from tui.ui.desk import Desk
from tui.ui.drafts import Drafts
from tui.ui.layout_screen import LayoutScreen
from tui.ui.leaving import Unsaved
from tui.ui.panes import SIDES
from tui.ui.session import NEW_DRAFT, OpenThread
from tui.ui.welcome import Welcome, startup_problem

Connect = Callable[[], Awaitable[Services]]

_TURNING_POINTS = (RunStarted, RunResumed, RunInterrupted, RunFinished)
# What was found at the start, such as a damaged file, is worth reading.
_NOTICE_SECONDS = 60


class ThreadScreen(LayoutScreen):
    """Everything but the keys (see ``MainScreen``): connecting, threads, frames, status.

    ``begins_anew``: start with a new thread instead of the one that was open last.
    """

    begins_anew = False

    def __init__(
        self, connect: Connect, now: Callable[[], float], words_per_second: Callable[[], float]
    ) -> None:
        super().__init__(now)
        self._connect = connect
        self._words_per_second = words_per_second
        self._now = now
        self._desk: Desk | None = None
        self._clock: FrameClock | None = None
        self._place = "Starting…"
        self._cannot_start = False
        self._drafts: Drafts | None = None
        self._seconds: Timer | None = None
        self._welcome = Welcome()
        self._next_words: Timer | None = None

    def on_mount(self) -> None:
        """Paint first; everything that takes time begins after the first frame."""
        self._clock = FrameClock(lambda: self.call_next(self._frame))
        self._seconds = self.set_interval(1, self._second_passed, pause=True)
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
            desk = Desk(services, self._wake, words_per_second=self._words_per_second())
            await self._start_desk(desk)
        except TickertapeError as error:
            self._place, self._cannot_start = "Not started", True
            self._sync_state()
            await self._chat.show_notice(startup_problem(error))

    async def _start_desk(self, desk: Desk) -> None:
        try:
            self._threads.show(await desk.start())
        except TickertapeError:
            desk.close()
            raise
        self._desk = desk
        self._inspector.tell_costs(desk.models.cost_of)
        self._drafts = Drafts(desk, self._composer, spawn=self._run_apart, complain=self._complain)
        self._restore_choices(desk)
        self._wake()
        await self._open_first_thread(desk)

    async def _open_first_thread(self, desk: Desk) -> None:
        last = "" if self.begins_anew else desk.preference("thread")
        thread = None
        if self._threads.summary(last) is not None:
            thread = await self._find_thread(desk, last)
        if thread is not None:
            desk.put(thread)
        self._show_thread()
        if thread is not None:
            self._read_on(desk, thread)
        await self._restore_draft()

    def _restore_choices(self, desk: Desk) -> None:
        for side in SIDES:
            self._panes.wanted[side] = desk.preference(f"pane.{side}", "shown") != "hidden"
        self._arrange_panes()
        if (theme := desk.preference("theme")) in self.app.available_themes:
            self.app.theme = theme

    # --- threads ---------------------------------------------------------------------------

    async def _find_thread(self, desk: Desk, thread_id: ThreadId) -> OpenThread | None:
        try:
            return await desk.find_thread(thread_id)
        except TickertapeError as error:
            self._complain(error)
            return None

    async def _open_thread(self, thread_id: ThreadId) -> None:
        desk = self._desk
        if desk is None or thread_id == desk.thread.id:
            return
        thread = await self._find_thread(desk, thread_id)
        if thread is None:
            return
        left = False
        try:
            left = await self._leave_draft()
        finally:
            if not left:
                thread.close()
        if left:
            desk.put(thread)
            self._composer.put("")
            desk.remember_thread()
            self._show_thread()
            self._read_on(desk, thread)
            await self._restore_draft()

    def _read_on(self, desk: Desk, thread: OpenThread) -> None:
        """Read what is missing of the thread that was opened, once what is there is on screen."""
        act = partial(self._follow, desk, thread)
        self.call_after_refresh(self.run_worker, act, group="follow", exclusive=True)

    async def _follow(self, desk: Desk, thread: OpenThread) -> None:
        if not thread.followed:
            followed = await self._attempt(desk.follow(thread))
            if desk.thread is not thread:
                thread.close()
                return
            if not followed:
                desk.begin_thread()
                self._show_thread()
                await self._restore_draft()
                return
            self._show_again(desk)
        await self._attempt(desk.mark_read(thread.id))

    async def _begin_thread(self, *, private: bool = False) -> None:
        desk = self._desk
        if desk is None or not await self._leave_draft():
            return
        self._composer.put("")
        self._show_new_thread(desk, private=private)
        await self._restore_draft()

    def _show_new_thread(self, desk: Desk, *, private: bool = False) -> None:
        desk.begin_thread(private=private)
        desk.remember_thread()
        self._show_thread()

    def _show_thread(self) -> None:
        desk = self._desk
        if desk is None:
            return
        thread = desk.thread
        self._composer.mark_private(thread.private)
        self._chat.show(thread.transcript, self._new_welcome(desk))
        self._threads.set_current(thread.id)
        self._sync_state()
        self._show_run(thread, thread.latest_run())

    def _new_welcome(self, desk: Desk) -> Welcome:
        self._welcome = Welcome(private=desk.thread.private)
        self._refresh_welcome()
        return self._welcome

    def _refresh_welcome(self) -> None:
        if self._desk is not None:
            target = self._desk.target
            offers = target is None or target.embedded
            self._welcome.tell(target, self._desk.models.found if offers else ())

    def _show_run(self, thread: OpenThread, run: Run | None) -> None:
        self._inspector.show(thread.transcript, run.id if run else None, None)
        self._inspector.flush()
        if run is not None and thread.followed:
            self._inspect(run.id)

    def _show_again(self, desk: Desk) -> None:
        """The open thread could not be followed step by step; the reader stays where they are."""
        thread, runs = desk.thread, desk.thread.transcript.runs
        self._chat.show_again(thread.transcript, self._new_welcome(desk))
        self._show_run(thread, runs.get(self._inspector.run_id or "") or thread.latest_run())

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
        """Keep what is being written."""
        if self._drafts is not None:
            self._drafts.typed()

    def _run_apart(self, act: WorkType[None]) -> None:
        # Once the app is over, whoever ended it asks for what is unsaved.
        with contextlib.suppress(RuntimeError):
            self.run_worker(act, group="draft")

    async def _leave_draft(self) -> bool:
        """Store the unsent text before leaving its thread; without that, it is not left."""
        return self._drafts is None or await self._attempt(self._drafts.leave())

    def unsaved(self) -> Unsaved | None:
        """What is written and not sent; before anything could be read, it is for a new thread."""
        if self._drafts is not None:
            return self._drafts.unsaved()
        text = self._composer.text
        return Unsaved(key=NEW_DRAFT, text=text, is_whole=False, thread_id="") if text else None

    async def _restore_draft(self) -> None:
        if self._drafts is not None:
            await self._attempt(self._drafts.restore())

    # --- frames ----------------------------------------------------------------------------

    def _wake(self) -> None:
        if self._clock is not None:
            self._clock.wake()

    def _frame(self) -> None:
        if self._desk is not None:
            self._take_news(self._desk)
            self._threads.flush()
            self._chat.flush()
            self._inspector.flush()
            self._sync_state()
        if self._clock is not None:
            self.call_after_refresh(self._clock.painted)

    def _take_news(self, desk: Desk) -> None:
        """Fold in all that has come."""
        self._take_summaries(desk)
        self._take_storage(desk.storage.drain())
        for item in desk.thread.drain():
            self._take(item, desk)
        pace = desk.thread.pace
        if pace is not None and (wait := pace.wait) is not None:
            self._wake_in(wait)

    def _wake_in(self, seconds: float) -> None:
        if self._next_words is not None:
            self._next_words.stop()
        self._next_words = self.set_timer(max(seconds, FAST), self._wake)

    def _take_summaries(self, desk: Desk) -> None:
        for summary in desk.changes.drain():
            self._threads.apply(summary)
            if summary.id == desk.thread.id and summary.deleted:
                self._show_new_thread(desk)  # unsent text stays where it is
                self.run_worker(self._restore_draft(), group="restore")
            elif summary.id == desk.thread.id and summary.unread:
                self.run_worker(self._attempt(desk.mark_read(summary.id)), group="read")

    def _take_storage(self, states: list[Problem | None]) -> None:
        for problem in self._storage.take(states):
            self._report(problem, _NOTICE_SECONDS)
        if states and states[-1] is None and self._drafts is not None:
            self._drafts.typed()  # what could not be written may be now

    def _take(self, item: LogItem, desk: Desk) -> None:
        thread = desk.thread
        if isinstance(item, ThreadReloaded):
            thread.transcript = item.transcript
            self._show_again(desk)
            return
        if isinstance(item, Envelope):
            thread.transcript.apply(item)
            if isinstance(item.event, _TURNING_POINTS):
                self._say_nothing()  # whatever was remarked was of the state before
        self._chat.apply(item)
        self._inspector.apply(item)

    def _second_passed(self) -> None:
        self._chat.tick(self._now())
        self._sync_state()

    def _sync_state(self) -> None:
        desk = self._desk
        if desk is None:
            self._status.show(target=self._place, run="")
            return
        thread = desk.thread
        run = thread.latest_run()
        self._chat.set_title(wording.thread_title(thread.transcript.title, private=thread.private))
        self._ask_about(desk)
        self._queue.show(thread.queue(), answering=thread.active_run() is not None)
        self._status.show(target=wording.target(desk.target), run=self._run_told(desk, run))
        if self._seconds is not None:
            (self._seconds.resume if thread.active_run() else self._seconds.pause)()

    def _run_told(self, desk: Desk, run: Run | None) -> str:
        if run is None:
            return ""
        cost = desk.models.cost_of(run)
        return wording.run_state(run, self._now(), elsewhere=self._is_elsewhere, cost=cost)

    @property
    def _is_elsewhere(self) -> bool:
        """Whether another process answers in the open thread."""
        return self._desk is not None and self._threads.is_elsewhere(self._desk.thread.id)

    def _ask_about(self, desk: Desk) -> None:
        thread = desk.thread
        had_focus = self._approval.has_focus_within
        run, waiting = thread.interrupted_run(), thread.waiting_calls()
        self._approval.show(waiting, interrupted=run is not None)
        # Whoever decides goes on; the other ways stay in the palette.
        asked = None if waiting else run
        calls = [] if asked is None else thread.transcript.calls_of(asked.id)
        self._interrupted.show(asked, calls, can_go_on=asked is None or desk.can_go_on(asked))
        if had_focus and not self._approval.display:
            self._composer.focus()


def _warm_up() -> None:
    """Import and exercise what the first answer needs; runs in a thread after the first frame."""
    from tui.ui.markdown import warm

    warm()
    # What is loaded now stays. A full collection that walks all of it stops a stream for 0.1 s.
    gc.freeze()
