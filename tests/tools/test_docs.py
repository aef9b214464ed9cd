"""The examples in docs/tools.md are files that load and do what the page says."""

from __future__ import annotations

import re
from pathlib import Path

from tests.tools.conftest import Ear, Workshop, call

PAGE = Path(__file__).parents[2] / "docs" / "tools.md"


async def test_the_examples_work(workshop: Workshop, ear: Ear) -> None:
    examples = re.findall(r"```python\n# tools/(\w+\.py)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(examples) == PAGE.read_text().count("```python")
    for name, source in examples:
        (workshop.dir / name).write_text(source)
    toolset = workshop.toolset()
    offered = {spec.name: spec for spec in await toolset.specs()}
    assert toolset.problems() == ()

    forecast = offered["forecast"]
    assert forecast.read_only
    assert forecast.description == "Weather forecast for a city."
    assert forecast.parameters["required"] == ["city"]
    assert forecast.parameters["properties"]["days"] == {
        "type": "integer",
        "default": 1,
        "description": "How many days to look ahead.",
    }
    output = await call(toolset, "forecast", '{"city": "Oslo", "unit": "F"}')
    assert output.text == '{"city":"Oslo","days":[{"high":21,"unit":"F"}]}'

    assert not offered["add_notes"].read_only
    notes = '{"notes": [{"text": "milk"}, {"text": "call", "due": "2026-12-01"}]}'
    assert (await call(toolset, "add_notes", notes)).text == "2"
    output = await call(toolset, "wait_for_note", '{"number": 2}')
    assert output.text == '{"text":"call","due":"2026-12-01"}'
    output = await call(toolset, "wait_for_note", '{"number": 0}')
    assert (output.text, output.is_error) == ("Error: Notes are counted from 1.", True)
