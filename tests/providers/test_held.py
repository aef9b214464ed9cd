"""What a remote thread holds of our history, judged by its newest message."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.conversation import assistant, user
from tui.core.models import HistoryCall, HistoryMessage, Role
from tui.providers.assistants.held import after, held_through

CALLS = (HistoryCall(call_id="c", name="f", arguments="{}"),)
HISTORY = (
    user("u1", "first"),
    HistoryMessage(id="step", role=Role.ASSISTANT, calls=CALLS),
    assistant("a1", "one"),
    user("u2", "second"),
)


def posted(message_id: str) -> dict[str, Any]:
    return {"id": "msg_9", "metadata": {"tickertape_message_id": message_id}}


@pytest.mark.parametrize(
    ("through", "newest", "expected"),
    [
        ("a1", {"id": "a1"}, "a1"),
        ("u1", posted("u1"), "u1"),
        ("step", posted("u1"), "step"),  # steps are no messages
        ("u1", {"id": "a1"}, "a1"),  # it holds more than we knew
        ("u1", posted("u2"), "u2"),
        ("a1", posted("u1"), None),  # it lost a message
        ("a1", {"id": "elsewhere"}, None),  # it went on along another branch
        ("a1", None, None),
        ("gone", {"id": "a1"}, None),
        (None, {"id": "a1"}, None),
    ],
)
def test_how_far_the_thread_goes(
    through: str | None, newest: dict[str, Any] | None, expected: str | None
) -> None:
    assert held_through(HISTORY, through, newest) == expected


def test_what_is_still_to_be_sent() -> None:
    assert [message.id for message in after(HISTORY, "step") or ()] == ["a1", "u2"]
    assert after(HISTORY, "u2") == ()
    assert after(HISTORY, "gone") is None
