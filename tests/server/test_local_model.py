"""Programs for the hosted Assistants service on llama.cpp, through ``tickertape serve``.

Slow: ``pytest -m slow -k local_model``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.peers import llamacpp as peer
from tests.server import node

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not peer.installed(), reason=peer.MISSING),
]
KEY = "a-key-for-the-test"
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture
def served() -> Iterator[str]:
    """The base URL of ``tickertape serve`` as a program, with the model behind it."""
    config = Path(os.environ["TICKERTAPE_HOME"]) / "config"
    config.mkdir(parents=True)
    with peer.llamacpp() as url:
        profile = f'[profiles.llamacpp]\nbase_url = "{url}"\n'
        (config / "config.toml").write_text(profile, encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "-m", "tui", "serve", "--port", "0", "--profile", "llamacpp"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "TICKERTAPE_API_KEY": KEY},
        )
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def test_a_python_program_streams_a_call_and_the_answer(served: str) -> None:
    with openai.OpenAI(base_url=served, api_key=KEY, max_retries=0) as client:
        assert [model.id for model in client.models.list()] == [peer.MODEL]
        assistant = client.beta.assistants.create(model="llamacpp", tools=[WEATHER], temperature=0)
        question = "What is the weather in Oslo?"
        thread = client.beta.threads.create(messages=[{"role": "user", "content": question}])
        runs = client.beta.threads.runs
        with runs.stream(
            thread_id=thread.id, assistant_id=assistant.id, tool_choice="required"
        ) as stream:
            names = [event.event for event in stream]
            run = stream.get_final_run()
        assert names.count("thread.run.step.delta") > 3
        assert run.required_action is not None
        [call] = run.required_action.submit_tool_outputs.tool_calls
        assert json.loads(call.function.arguments).keys() == {"city"}
        with runs.submit_tool_outputs_stream(
            thread_id=thread.id,
            run_id=run.id,
            tool_outputs=[{"tool_call_id": call.id, "output": "It is sunny in Oslo."}],
        ) as stream:
            words = list(stream.text_deltas)
            run = stream.get_final_run()
        assert run.status == "completed"
        assert len(words) > 3
        assert "sunny" in "".join(words)
        assert run.usage is not None
        assert run.usage.completion_tokens > len(words)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
async def test_a_javascript_program_runs_unchanged(served: str, tmp_path: Path) -> None:
    folder = node.install(tmp_path)
    out = await node.run(folder, "node", "weather.mjs", BASE_URL=served, API_KEY=KEY)
    assert out.split() == ["streamed", "polled"]
