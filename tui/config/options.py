"""Options that models are asked with: what is known of their names and kinds, and who is near."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from tui.config.checking import Checker, choices, shown
from tui.config.local_file import KeyPath
from tui.core.settings import Profile

UNKNOWN = "is no option that Tickertape knows; it goes out as it is."
"""What is remarked of each of ``unknown_options``."""

_NUMBER, _WHOLE = "a number", "a whole number"
_TRUTH, _TEXT, _LIST, _TABLE = "true or false", "a text in quotes", "a list in brackets", "a table"
_KINDS: Mapping[str, tuple[type, ...]] = {
    _NUMBER: (int, float),
    _WHOLE: (int,),
    _TRUTH: (bool,),
    _TEXT: (str,),
    _LIST: (list,),
    _TABLE: (dict,),
    f"{_TEXT}, or a list of them": (str, list),
    f"{_TEXT}, or a table": (str, dict),
}
# Those of the three APIs, and what servers of open models take beside them. They are few enough
# to be written down; others are let through, since servers have more than anybody can know.
_NAMES: Mapping[str, str] = {
    _NUMBER: """temperature top_p frequency_penalty presence_penalty min_p typical_p repeat_penalty
        repetition_penalty""",
    _WHOLE: """max_completion_tokens max_tokens max_output_tokens max_prompt_tokens max_new_tokens
        max_tool_calls seed random_seed top_k top_logprobs min_tokens repeat_last_n""",
    _TRUTH: "parallel_tool_calls logprobs store background cache_prompt ignore_eos safe_prompt",
    _TEXT: """reasoning_effort reasoning_format verbosity service_tier user safety_identifier
        prompt_cache_key prompt_cache_retention truncation grammar""",
    _LIST: "modalities include context_management",
    _TABLE: """logit_bias metadata prediction audio web_search_options reasoning text thinking
        truncation_strategy chat_template_kwargs prompt prompt_cache_options provider""",
    f"{_TEXT}, or a list of them": "stop",
    f"{_TEXT}, or a table": "tool_choice response_format conversation moderation",
}
_WANTED = {name: wanted for wanted, names in _NAMES.items() for name in names.split()}
# What a request says by itself: in the options it would be left out.
_OWN = ("model", "messages", "input", "instructions", "tools", "stream", "stream_options", "n")
_NEAR = 0.85  # higher than elsewhere: top_n is an option of its own, and not top_p


def check_options(check: Checker, options: Mapping[str, Any], where: KeyPath) -> None:
    """Note options that are set elsewhere, nearly called like a known one, or of another kind."""
    for name, value in options.items():
        key = (*where, name)
        if name in _OWN:
            check.note(key, "is no option", "What a request has anyhow is set in the profile.")
        elif near := difflib.get_close_matches(name, _WANTED, n=1, cutoff=_NEAR):
            wanted = _WANTED[near[0]]
            if near[0] != name:
                check.note(key, "is no option", choices(name, near))
            elif not _is(value, wanted):
                check.note(key, f"is {shown(key, value)}, but has to be {wanted}")


def unknown_options(profile: Profile) -> list[str]:
    """Those that go out as they are written, because nothing is known of them."""
    return [name for name in profile.options if name not in _WANTED]


def _is(value: Any, wanted: str) -> bool:
    kinds = _KINDS[wanted]
    if isinstance(value, bool):  # which Python takes for a whole number
        return bool in kinds
    return isinstance(value, kinds)
