"""Which model answers, and which of its answers is shown: the picker, what was found, branches."""

from __future__ import annotations

import logging

from tui.core.errors import TickertapeError
from tui.ui import wording
from tui.ui.chat.entries import latest_answers
from tui.ui.desk import Desk
from tui.ui.picker import Choice, PickerScreen
from tui.ui.run_screen import RunScreen
from tui.ui.session import OpenThread

_log = logging.getLogger(__name__)


class ModelScreen(RunScreen):
    """Choosing a profile and model for the open thread, and an answer among several."""

    async def _start_desk(self, desk: Desk) -> None:
        await super()._start_desk(desk)
        if desk.models.are_only_built_in:
            self.run_worker(self._discover(desk), group="discover")

    async def _discover(self, desk: Desk) -> None:
        """Someone who has configured nothing may still have a key or a server."""
        try:
            await desk.models.discover()
        except TickertapeError as error:
            _log.info("nothing was found: %s", error)
        self._refresh_welcome()

    # --- profile and model -----------------------------------------------------------------

    def action_choose_model(self) -> None:
        """Ask which profile and model answer from now on."""
        desk = self._desk
        if desk is None:
            self._say("Still starting.")
            return
        thread, target = desk.thread, desk.target
        current = (target.name, target.model) if target is not None else ("", "")

        def chosen(choice: Choice | None) -> None:
            if choice is not None:
                self._later(self._use(desk, thread, choice), "model")

        self.app.push_screen(PickerScreen(desk.models, current), chosen)

    def action_use_found(self) -> None:
        """Talk to the first of what is found on this machine, now and in new threads."""
        if self._desk is None:
            self._say("Still starting.")
        else:
            self._later(self._use_found(self._desk, self._desk.thread), "model")

    async def _use_found(self, desk: Desk, thread: OpenThread) -> None:
        # What was found at the start may be gone, and a server may have come.
        try:
            found = await desk.models.discover()
        except TickertapeError as error:
            self._complain(error)
            return
        if found:
            await self._use(desk, thread, Choice(found[0].name, found[0].model, is_default=True))
        elif (known := len(desk.models.profiles())) > 1:
            self._say(f"Nothing else was found; F2 shows all {known} profiles.")
        else:
            self._say("No key and no local server was found here.")

    async def _use(self, desk: Desk, thread: OpenThread, choice: Choice) -> None:
        profile, model, is_default = choice
        if not await self._attempt(desk.use(thread, profile, model)):
            return
        told = f"{wording.model_name(profile, model)} answers from now on"
        if is_default and await self._attempt(desk.models.make_default(profile, model)):
            told += ", in new threads too"
        self._say(f"{told}.")
        self._refresh_welcome()
        self._sync_state()

    # --- several answers to one message ----------------------------------------------------

    def action_earlier_answer(self) -> None:
        """Show the answer before this one to the same message."""
        self._step_answer(-1)

    def action_later_answer(self) -> None:
        """Show the answer after this one."""
        self._step_answer(1)

    def _step_answer(self, step: int) -> None:
        if self._desk is None:
            return
        answers, place = latest_answers(self._desk.thread.transcript)
        if not answers:
            self._say("Only one answer is here; F5 asks again.")
        elif not 0 <= place + step < len(answers):
            self._say("This is the first answer." if step < 0 else "This is the latest answer.")
        else:
            self._later(self._select(self._desk, answers[place + step]), "run")

    async def _select(self, desk: Desk, message_id: str) -> None:
        thread = desk.thread
        try:
            await desk.select(message_id)
        except TickertapeError as error:
            self._complain(error)
            return
        message = thread.transcript.messages.get(message_id)
        if desk.thread is thread and message is not None and message.run_id is not None:
            self._inspect(message.run_id)
