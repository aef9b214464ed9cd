"""What the sandbox writes itself: answers from tool outputs, answers without tools, complaints."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from tui.core.ports import RunRequest
from tui.sandbox.steps import FinishedCall

_LONG = 2000
_BRIEF = re.compile(r"\b(one (short )?sentence|brief(ly)?|concise(ly)?|in short)\b", re.IGNORECASE)
_ERROR = re.compile(r"\s*error\b", re.IGNORECASE)
_FENCES = re.compile(r"`+")

_WHO_I_AM = (
    "I am the **sandbox**: a model made of a few rules. I have no knowledge to answer this from, "
    "and nothing you write leaves this machine."
)
_WHAT_I_CAN_DO = """\
- call the tools that a message mentions, several at once, and fill their arguments
- call them one after another, when the message says *then*
- play a *scenario*: text, reasoning, calls, waits and failures, in your order"""
_SCENARIO = """[[step]]
say = "Here comes a table."

[[step]]
say = { tokens = 60, kind = "table" }

[[step]]
fail = "rate_limit"
"""


def answer_results(question: str, calls: Sequence[FinishedCall]) -> str:
    """Markdown that shows each call with its output; failures are called failures."""
    failed = sum(map(_has_failed, calls))
    lines = [_describe_call(call) for call in calls]
    return "\n\n".join([_results_lead(len(calls), failed), "\n".join(lines), _asked(question)])


def answer_results_as_json(question: str, calls: Sequence[FinishedCall]) -> str:
    """The same as one JSON object."""
    results = [
        {
            "tool": done.call.name,
            "arguments": _loaded(done.call.arguments),
            "output": None if done.output is None else _loaded(done.output.text),
            "is_error": _has_failed(done),
        }
        for done in calls
    ]
    return json.dumps({"question": question, "results": results}, ensure_ascii=False, indent=2)


def answer_freely(request: RunRequest, question: str) -> str:
    """Markdown about what was asked and what the sandbox can do; nothing is looked up."""
    wishes = " ".join(filter(None, (request.instructions, request.additional_instructions)))
    if _BRIEF.search(f"{wishes} {question}"):
        return (
            f"You asked “{_on_one_line(question, 120)}”, and as the built-in sandbox I can only "
            "tell you that no tool on offer matches it and that nothing left this machine."
        )
    blocks = [
        "## What you asked",
        _quoted(question),
        _WHO_I_AM,
        *_instructions_noted(wishes),
        "## What I can do",
        _WHAT_I_CAN_DO,
        "## Tools on offer",
        _tool_table(request),
        "## A scenario to try",
        "Put this into a message to see what a client makes of it:",
        f"````markdown\n```sandbox\n{_SCENARIO}```\n````",
    ]
    return "\n\n".join(blocks)


def answer_freely_as_json(request: RunRequest, question: str) -> str:
    """One JSON object for requests that want JSON."""
    answer = "The sandbox has no knowledge to answer from; nothing left this machine."
    tools = [tool.name for tool in request.tools]
    return json.dumps(
        {"question": question, "answer": answer, "tools": tools}, ensure_ascii=False, indent=2
    )


def complain(problem: str, source: str) -> str:
    """Markdown that tells what is wrong with a scenario and where the rules are written."""
    return "\n\n".join(
        [
            "## This scenario cannot be played",
            problem,
            f"It came from {source}. `docs/sandbox.md` describes the language; this is right:",
            f"```toml\n{_SCENARIO}```",
        ]
    )


def _results_lead(total: int, failed: int) -> str:
    calls = "one call" if total == 1 else f"{total} calls"
    if not failed:
        return f"I made {calls}, and this is what came back:"
    if failed == total:
        return f"I made {calls}, and {'it' if total == 1 else 'every one'} failed:"
    return f"I made {calls}, and {failed} of them failed:"


def _describe_call(done: FinishedCall) -> str:
    head = f"- {_code(f'{done.call.name}({_brief_arguments(done.call.arguments)})')}"
    if done.output is None:
        return f"{head}: no output was handed in"
    text = _shortened(done.output.text)
    if _has_failed(done):
        head += " **failed**"
    if not text.strip():
        return f"{head}: *(empty)*"
    if "\n" not in text and len(text) <= 200:
        return f"{head}: {_code(text)}"
    return f"{head}:\n\n{_fenced(text)}"


def _has_failed(done: FinishedCall) -> bool:
    # A protocol that knows only text for outputs loses the mark; the words are left.
    output = done.output
    return output is None or output.is_error or _ERROR.match(output.text) is not None


def _brief_arguments(raw: str) -> str:
    arguments = _loaded(raw)
    if not isinstance(arguments, dict):
        return _on_one_line(raw, 120)
    values = [
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for value in arguments.values()
    ]
    if len(values) != 1:
        values = [f"{name}={value}" for name, value in zip(arguments, values, strict=True)]
    return _on_one_line(", ".join(values), 120)


def _asked(question: str) -> str:
    return f"You asked: {_code(_on_one_line(question, 160))}" if question.strip() else ""


def _instructions_noted(wishes: str) -> list[str]:
    if not wishes.strip():
        return []
    said = _code(_on_one_line(wishes, 100))
    return [f"My instructions say {said}; I pass them on, but rules cannot follow prose."]


def _tool_table(request: RunRequest) -> str:
    if not request.tools:
        return "None in this run."
    rows = [
        f"| {_code(tool.name)} | {_cell(_first_sentence(tool.description))} |"
        for tool in request.tools
    ]
    return "\n".join(["| tool | what it does |", "| :--- | :--- |", *rows])


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _first_sentence(text: str) -> str:
    return _on_one_line(re.split(r"(?<=[.!?])\s", text.strip(), maxsplit=1)[0], 100)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in (text.strip() or "(nothing)").splitlines()[:12])


def _code(text: str) -> str:
    """A code span that shows ``text`` exactly, whatever backticks it holds."""
    ticks = "`" * (1 + max((len(run) for run in _FENCES.findall(text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def _fenced(text: str) -> str:
    ticks = "`" * max(3, 1 + max((len(run) for run in _FENCES.findall(text)), default=0))
    kind = "json" if isinstance(_loaded(text), dict | list) else ""
    return "\n".join(f"  {line}".rstrip() for line in f"{ticks}{kind}\n{text}\n{ticks}".split("\n"))


def _shortened(text: str) -> str:
    if len(text) <= _LONG:
        return text
    return f"{text[:_LONG]}\n… ({len(text) - _LONG} more characters)"


def _on_one_line(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
