"""How times, sizes and states read on screen; pure functions from values to short text."""

from __future__ import annotations

import math
from datetime import datetime

from tui.core.events import RetryScheduled
from tui.core.models import Outcome, Problem, RunState, ToolOrigin, ToolState, Usage
from tui.core.sanitise import sanitise
from tui.core.services import ProfileInfo
from tui.core.thread import Run, ToolCall

SYMBOLS = {
    ToolState.STREAMING: "◌",
    ToolState.WAITING: "○",
    ToolState.APPROVAL: "?",
    ToolState.RUNNING: "●",
    ToolState.INTERRUPTED: "!",
    ToolState.DONE: "✓",
    ToolState.FAILED: "✗",
    ToolState.DENIED: "⊘",
    ToolState.CANCELLED: "□",
}

# Room for a preview; the line itself is cut at the width of the pane.
_PREVIEW = 300


def one_line(text: str, limit: int = _PREVIEW) -> str:
    """``text`` as safe characters on one line, cut after about ``limit`` characters."""
    cut = text[: limit * 2]
    line = " ".join(sanitise(cut).split())
    return line if len(line) <= limit and len(cut) == len(text) else line[: limit - 1] + "…"


UNTITLED = "New thread"
PRIVATE_MARK = "◇"
PRIVACY = "Private: not on disk, gone when Tickertape ends"


def thread_title(title: str, *, private: bool = False) -> str:
    """A thread's title on one safe line; a private one is marked."""
    mark = f"{PRIVATE_MARK} " if private else ""
    return mark + (one_line(title, 200) or UNTITLED)


def target(profile: ProfileInfo | None) -> str:
    """Where messages go, or why they cannot."""
    if profile is None:
        return "no profile"
    if profile.problem is not None:
        return problem_text(profile.problem)
    return model_name(profile.name, profile.model)


def model_name(profile: str, model: str) -> str:
    """A model with its profile, on one safe line."""
    return one_line(" · ".join(dict.fromkeys(filter(None, (profile, model)))))


def ago(then: float, now: float) -> str:
    """How long ago ``then`` was, in at most six characters (both are seconds since the epoch)."""
    seconds = max(0, int(now - then))
    if seconds < 60:
        return "now"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86_400:
        return f"{seconds // 3600} h"
    if seconds < 7 * 86_400:
        return f"{seconds // 86_400} d"
    # The date as the reader's own clock had it; times in the log are plain seconds.
    day = datetime.fromtimestamp(then).astimezone()
    return f"{day.day} {day:%b}"


def span(seconds: float) -> str:
    """A duration: ``0.42 s``, ``12.3 s``, ``2:05``."""
    seconds = max(0.0, seconds)
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return clock(seconds)


def clock(seconds: float) -> str:
    """Elapsed time in whole seconds: ``7 s``, ``2:05``, ``1:02:03``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def count(number: int, noun: str) -> str:
    """``1 round``, ``1,200 rounds``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


UNKNOWN_EFFECT = "started; whether it took effect is unknown"


def tool_state(call: ToolCall, *, live: bool = True) -> str:
    """Where a call stands, in a few words; not ``live`` when its run does not go on just now."""
    if call.origin is not ToolOrigin.CLIENT and (told := _at_provider(call, live=live)):
        return told
    match call.state:
        case ToolState.STREAMING:
            verb = "streaming" if live else "cut off"
            return f"{verb}, {len(call.arguments):,} chars"
        case ToolState.WAITING:
            return (call.status or "ready") if live else "not started"
        case ToolState.APPROVAL:
            return "F8 approve, F9 deny"
        case ToolState.RUNNING:
            return call.status or "running"
        case ToolState.INTERRUPTED:
            return UNKNOWN_EFFECT
        case ToolState.DENIED:
            return "denied"
        case ToolState.CANCELLED:
            return "cancelled"
        case ToolState.DONE | ToolState.FAILED:
            return call.state.value + _took(call)


def _at_provider(call: ToolCall, *, live: bool) -> str:
    """What the provider does with a call that it runs itself, in its own word."""
    if not live or call.state not in (ToolState.STREAMING, ToolState.WAITING):
        return ""
    word = call.status.replace("_", " ") or "running"
    is_streaming = call.state is ToolState.STREAMING and len(call.arguments)
    return f"{word}, {len(call.arguments):,} chars" if is_streaming else word


def tool_name(call: ToolCall) -> str:
    """The tool, and the server that has it, on one safe line."""
    return one_line(call.name, 60) + (f" @{one_line(call.server, 40)}" if call.server else "")


def _took(call: ToolCall) -> str:
    if call.started_mono is None or call.finished_mono is None:
        return ""
    return " in " + span(call.finished_mono - call.started_mono)


def tool_symbol(call: ToolCall, *, live: bool = True) -> str:
    """One character for where a call stands; nothing streams in a run that does not go on."""
    cut_off = call.state is ToolState.STREAMING and not live
    return SYMBOLS[ToolState.CANCELLED if cut_off else call.state]


def tool_preview(call: ToolCall) -> str:
    """What is worth seeing behind the state: why it failed, else the arguments."""
    told = call.output if call.state is ToolState.FAILED else call.arguments
    return one_line(told.head(2 * _PREVIEW + 1))  # there may be megabytes, and this is every frame


def usage_text(usage: Usage | None) -> str:
    """Token counts in words, or nothing."""
    if usage is None:
        return ""
    return f"{usage.input_tokens:,} in, {usage.output_tokens:,} out"


def problem_text(problem: Problem) -> str:
    """What happened and what to do about it, as safe text."""
    return sanitise(problem.text)


def run_state(run: Run, now: float, *, elsewhere: bool = False, cost: str = "") -> str:
    """A run in the status line: what it does and for how long, or how it ended.

    ``elsewhere``: another process drives it.
    """
    rounds = count(run.rounds, "round") if run.rounds > 1 else ""
    if run.active:
        return " · ".join(
            filter(None, (_doing(run, elsewhere=elsewhere), clock(now - run.started_at), rounds))
        )
    if run.state is RunState.INTERRUPTED:
        return "Interrupted"
    took = "" if run.finished_at is None else span(run.finished_at - run.started_at)
    ended = "Done" if run.outcome is Outcome.COMPLETED else (run.outcome or "ended").capitalize()
    return " · ".join(filter(None, (ended, took, rounds, usage_text(run.usage), cost)))


def _doing(run: Run, *, elsewhere: bool) -> str:
    if run.state is RunState.WAITING:
        return "Another Tickertape waits for you here" if elsewhere else "Waiting for you"
    if run.state is RunState.CANCELLING:
        return "Stopping"
    if elsewhere:
        return "Another Tickertape is answering here"
    if run.retry is not None:
        return "Waiting to try again"
    if not run.rounds:
        return "Preparing"  # its key may come from a program
    return "Answering" if run.first_delta_mono is not None else "Sent"


def outcome_lines(
    run: Run, *, newest: bool = True, partial: bool = False, wait: float | None = None
) -> list[tuple[str, str]]:
    """What a reader has to know about a run below its messages, as (style class, text).

    F5 tries the ``newest`` run again, so only that one names it; F8 goes on with a ``partial``
    answer. ``wait`` is for how many seconds nothing is sent yet; None: as long as was planned.
    """
    lines = [("notice", sanitise(text)) for text in run.notices]
    if run.retry is not None and run.active:
        lines.append(("notice", _retry_line(run.retry, run.retry.delay if wait is None else wait)))
    ending = _ending(run, retry="F5 tries again." if newest and not partial else "")
    lines += [ending] if ending else []
    return [*lines, ("notice", WAYS_ON)] if partial else lines


def _retry_line(retry: RetryScheduled, wait: float) -> str:
    told = f"Trying again in {clock(math.ceil(wait))} (attempt {retry.attempt})"
    reason = Problem(code="", message=one_line(retry.reason), hint="Esc twice gives up.")
    return f"{told}: {reason.text}"


def _ending(run: Run, *, retry: str) -> tuple[str, str] | None:
    if run.state is RunState.INTERRUPTED:
        if run.settle:
            return "problem", "Interrupted: you left before the answer was done."
        return "problem", "Interrupted: Tickertape ended before the answer did."
    if run.state is not RunState.FINISHED or run.outcome is Outcome.COMPLETED:
        return None
    if run.outcome is Outcome.CANCELLED and run.reason == _LEFT:
        return "notice", "Left as it was. What had arrived is kept."
    if run.outcome is Outcome.CANCELLED:
        return "notice", f"Cancelled. What had arrived is kept. {sanitise(run.reason)}".rstrip()
    if run.error is not None and run.error.code == Outcome.TRUNCATED:
        told = sanitise(run.error.message)  # it says what the heading would
    else:
        said = problem_text(run.error) if run.error else sanitise(run.reason)
        told = _ENDINGS.get(run.outcome, "Failed: {}").format(said or "no reason given.")
    hint = "" if "F5" in told else retry
    return "problem", Problem(code="", message=told, hint=hint).text


WAYS_ON = "F8 goes on from here, F5 tries again."
_LEFT = "It was left as it is."  # the engine's reason

_ENDINGS: dict[Outcome | None, str] = {
    Outcome.INCOMPLETE: "Incomplete: {}",
    Outcome.EXPIRED: "Expired: {}",
    Outcome.DISCONNECTED: "Connection lost: {}",
    Outcome.TRUNCATED: "The stream ended too early: {}",
}
