"""The built-in tool that tells the time."""

from __future__ import annotations

import difflib
import zoneinfo
from datetime import UTC, datetime, tzinfo

from tui.core.errors import ToolError
from tui.tools.mark import tool

_MOST_SUGGESTED = 5
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@tool(read_only=True)
def current_time(timezone: str) -> str:
    """Current date and time in a time zone.

    Args:
        timezone: IANA name such as "Europe/Paris" or "UTC"; a city alone ("Tokyo") will do
            if it names one zone.
    """
    name, zone = _find(timezone)
    now = datetime.now(zone)
    return f"{now.isoformat(timespec='seconds')} {_WEEKDAYS[now.weekday()]} {name}"


def _find(wanted: str) -> tuple[str, tzinfo]:
    if wanted.strip().upper() in ("UTC", "GMT", "Z"):
        return "UTC", UTC
    known = zoneinfo.available_timezones()
    if not known:
        raise ToolError(
            "This machine has no time zone data, so only UTC is known",
            hint="Install the system's tzdata, or the Python package tzdata.",
        )
    key = wanted.strip().replace(" ", "_").casefold()
    matches = [name for name in known if name.casefold() == key] or [
        name for name in known if name.rpartition("/")[2].casefold() == key
    ]
    if len(matches) != 1:
        raise ToolError(_unknown(wanted, key, sorted(known), sorted(matches)))
    return matches[0], zoneinfo.ZoneInfo(matches[0])


def _unknown(wanted: str, key: str, known: list[str], matches: list[str]) -> str:
    if matches:
        return f"{wanted!r} could be {' or '.join(matches)}; give the whole name."
    by_key = {name.casefold(): name for name in known}
    by_key |= {name.rpartition("/")[2].casefold(): name for name in known}
    near = difflib.get_close_matches(key, by_key, n=_MOST_SUGGESTED, cutoff=0.7)
    names = ", ".join(dict.fromkeys(by_key[each] for each in near))
    hint = f"did you mean {names}?" if names else 'use an IANA name such as "Europe/Paris".'
    return f"There is no time zone {wanted[:80]!r}; {hint}"
