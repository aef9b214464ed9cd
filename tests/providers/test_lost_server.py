"""A run whose server forgot everything (the embedded one does, at each end) goes on elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.contracts.test_provider import own_server
from tests.providers.conversation import Conversation
from tests.sandbox.driving import BUILTIN
from tui.core.errors import ProviderError
from tui.core.models import Outcome
from tui.core.ports import NewMessages, Resume


async def test_it_goes_on_with_the_outputs_and_makes_no_call_again() -> None:
    async with own_server() as first:
        talk = Conversation(first.provider, tools=BUILTIN)
        asked = talk.say("What is 17*23?")
        async with first.provider.open(asked) as session:
            end = await talk.turn(session, NewMessages())
        assert [need.name for need in end.needs] == ["calculate"]
    talk.results(end, "391")
    async with own_server() as second:
        again = replace(
            asked, history=talk.transcript.history(), continuation=talk.run.continuation
        )
        async with second.provider.open(again) as session:
            with pytest.raises(ProviderError) as caught:
                await talk.turn(session, Resume())
            assert (caught.value.code, caught.value.sent) == ("run_not_found", False)
            end = await talk.turn(session, NewMessages())
    assert end.outcome is Outcome.COMPLETED
    assert len(talk.transcript.calls) == 1
    assert "`calculate(17*23)`: `391`" in talk.text
