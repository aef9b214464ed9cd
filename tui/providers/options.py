"""The options of one request: what the profile says, then the run, as far as it still holds."""

from __future__ import annotations

from tui.core.models import JsonObject
from tui.core.ports import RunRequest
from tui.core.settings import Profile

_CHOICE = "tool_choice"
_FREE = (None, "auto", "none")


def options_of(request: RunRequest, profile: Profile, *, begun: bool) -> JsonObject:
    """``begun``: the run has had a round, so that a call it had to make has been made.

    A model that had to call something in every round would never answer.
    """
    options = {**profile.options, **request.options}
    if not begun or options.get(_CHOICE) in _FREE:
        return options
    choice = options.pop(_CHOICE)
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        options[_CHOICE] = _unforced(choice)
    return options


def has_begun(request: RunRequest) -> bool:
    """Whether a session's first request goes on with a run: what is newest then is a call."""
    return bool(request.history) and bool(request.history[-1].calls)


def _unforced(choice: JsonObject) -> JsonObject:
    """Which tools are allowed still holds; Chat nests what Responses does not."""
    nested = choice.get("allowed_tools")
    if isinstance(nested, dict):
        return {**choice, "allowed_tools": {**nested, "mode": "auto"}}
    return {**choice, "mode": "auto"}
