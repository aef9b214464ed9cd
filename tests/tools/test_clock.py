"""The time tool knows zones by name and by city, and helps with the rest."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tui.core.errors import ToolError
from tui.tools.clock import current_time


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        ("asia/tokyo", "Asia/Tokyo"),
        ("Tokyo", "Asia/Tokyo"),
        ("new york", "America/New_York"),
        (" Europe/Paris ", "Europe/Paris"),
    ],
)
def test_zone_by_name_or_city(given: str, name: str) -> None:
    stamp, weekday, zone = current_time(given).split(" ")
    now = datetime.now(UTC)
    then = datetime.fromisoformat(stamp)
    assert zone == name
    assert abs(then - now) < timedelta(minutes=1)
    assert then.utcoffset() == now.astimezone(ZoneInfo(name)).utcoffset()
    assert weekday == ["Mon", "Tues", "Wednes", "Thurs", "Fri", "Satur", "Sun"][then.weekday()] + (
        "day"
    )


@pytest.mark.parametrize("name", ["UTC", "utc", "Z", "GMT"])
def test_utc(name: str) -> None:
    assert current_time(name).endswith(" UTC")


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("Asia/Tokio", "Asia/Tokyo"),
        ("Pariss", "Europe/Paris"),
        ("Louisville", "America/Louisville"),
    ],
)
def test_unknown_or_ambiguous_names_are_answered_with_near_ones(given: str, near: str) -> None:
    with pytest.raises(ToolError, match=near):
        current_time(given)


@pytest.mark.parametrize("given", ["", "xqzzy", "../../etc/passwd", "/etc/localtime", "a" * 5000])
def test_nonsense_is_refused_briefly(given: str) -> None:
    with pytest.raises(ToolError, match="no time zone") as caught:
        current_time(given)
    assert len(caught.value.message) < 300


def test_a_machine_without_zone_data_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoneinfo, "available_timezones", set[str])
    with pytest.raises(ToolError, match="no time zone data") as caught:
        current_time("Asia/Tokyo")
    assert "tzdata" in caught.value.hint
    assert current_time("UTC").endswith(" UTC")
