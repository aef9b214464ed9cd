"""The toolset of this machine: what is on offer, what calls give, how files may go wrong."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from tests.tools.conftest import Ear, Workshop, call
from tui.core.errors import ToolError
from tui.core.models import ToolOutput
from tui.tools.local import LocalToolset

BUILT_IN = ["current_time", "calculate"]


async def names(toolset: LocalToolset) -> list[str]:
    return [spec.name for spec in await toolset.specs()]


async def test_built_in_tools_need_no_directory(tmp_path: Path) -> None:
    for place in (None, tmp_path / "absent"):
        toolset = LocalToolset(place)
        specs = await toolset.specs()
        assert [spec.name for spec in specs] == BUILT_IN
        assert all(spec.read_only and spec.description for spec in specs)
        assert specs[1].parameters["required"] == ["expression"]
        output = await call(toolset, "calculate", '{"expression": "17*23"}')
        assert output == ToolOutput(text="391")
        assert "Asia/Tokyo" in (await call(toolset, "current_time", '{"timezone": "Tokyo"}')).text
        assert toolset.problems() == ()
        await toolset.close()


async def test_what_a_built_in_tool_refuses_is_an_error_output() -> None:
    toolset = LocalToolset(None)
    output = await call(toolset, "calculate", '{"expression": "9**9**9"}')
    assert output == ToolOutput(text="Error: The power has more than 1000 digits.", is_error=True)
    await toolset.close()


async def test_files_in_name_order_with_functions_as_written(workshop: Workshop) -> None:
    workshop.write("zoo.py", "@tool(read_only=True)\ndef feed(): ...")
    workshop.write("art.py", "@tool\ndef paint(): ...\n@tool\ndef draw(): ...\ndef not_one(): ...")
    workshop.write("_helper.py", "@tool\ndef hidden(): ...")
    workshop.write("notes.txt", "@tool\ndef nothing(): ...")
    toolset = workshop.toolset()
    specs = await toolset.specs()
    assert [spec.name for spec in specs] == [*BUILT_IN, "paint", "draw", "feed"]
    assert [spec.read_only for spec in specs[2:]] == [False, False, True]
    assert toolset.problems() == ()


async def test_user_code_never_runs_in_this_process(workshop: Workshop) -> None:
    workshop.write("who.py", "import os\nat_load = os.getpid()\n@tool\ndef who(): return at_load")
    toolset = workshop.toolset()
    first, second = [(await call(toolset, "who")).text for _ in range(2)]
    assert first == second != str(os.getpid())


async def test_arguments_results_and_prints(workshop: Workshop, ear: Ear) -> None:
    workshop.write(
        "travel.py",
        """
        import sys
        from dataclasses import dataclass
        from datetime import date

        @dataclass
        class Trip:
            city: str
            day: date

        @tool
        def plan(trips: list[Trip], loud: bool = False) -> list[Trip]:
            print("planning", len(trips))
            print("careful", file=sys.stderr)
            return trips if not loud else [Trip(t.city.upper(), t.day) for t in trips]
        """,
    )
    toolset = workshop.toolset()
    given = {"trips": [{"city": "Oslo", "day": "2026-11-20"}], "loud": True}
    output = await call(toolset, "plan", json.dumps(given), ear)
    assert output == ToolOutput(text='[{"city":"OSLO","day":"2026-11-20"}]')
    assert ear.all == "planning 1\ncareful\n"


async def test_validate_works_from_the_schema_and_call_checks_again(workshop: Workshop) -> None:
    workshop.write("add.py", "@tool\ndef add(a: int, b: int = 0): return a + b")
    toolset = workshop.toolset()
    before = toolset.validate("add", '{"a": "x"}')
    assert before is None, "without specs() there is no schema yet"
    assert toolset.validate("add", "{") is not None
    with pytest.raises(ToolError, match="a: expected an integer") as caught:
        await call(toolset, "add", '{"a": "x"}')
    assert caught.value.code == "invalid_arguments"
    after = toolset.validate("add", '{"a": "x"}')
    assert after is not None
    assert after.message == caught.value.message
    assert toolset.validate("add", '{"a": 1}') is None


async def test_an_unknown_tool_is_named_with_those_there_are(workshop: Workshop) -> None:
    toolset = workshop.toolset()
    with pytest.raises(ToolError, match=r"'frobnicate'.* current_time, calculate") as caught:
        await call(toolset, "frobnicate")
    assert caught.value.code == "unknown_tool"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def broken(:", r"cannot be loaded: SyntaxError: .* \(line 2\)"),
        ("import not_installed_anywhere", r"ModuleNotFoundError: .*\(bad\.py, line 2\)"),
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; sys.exit('no')", r"sys\.exit\('no'\) was called"),
        ("import os; os._exit(7)", "exited with status 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
        ("import time; time.sleep(3600)", "took more than 1 s to load"),
        ("@tool\ndef many(*all): ...", r"many in bad\.py, line \d+: \*all"),
        ("class Odd:\n def __get_pydantic_core_schema__(*a): 1/0\n@tool\ndef odd(x: Odd): ...",
         "odd cannot be a tool: ZeroDivisionError"),
        ("@tool\ndef calculate(): ...", "bad.py has a tool calculate, .* a built-in tool"),
        ("@tool\ndef good(): ...", "good.py has a tool good, .* used by bad.py"),
        ("@tool\ndef a(): ...\n@tool(name='a')\ndef b(): ...", "two tools named a"),
    ],
)  # fmt: skip
async def test_a_bad_file_is_a_problem_and_the_others_work(
    workshop: Workshop, source: str, words: str
) -> None:
    workshop.write("bad.py", source)
    workshop.write("good.py", "@tool\ndef fine(): return 'fine'\n@tool\ndef good(): ...")
    toolset = workshop.toolset(load_timeout=1.0 if "sleep" in source else 30.0)
    assert "fine" in await names(toolset)
    (problem,) = toolset.problems()
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(problem.message)
    assert problem.hint
    assert (await call(toolset, "fine")).text == "fine"


async def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(workshop: Workshop) -> None:
    workshop.write("still.py", "import os\n@tool\ndef pid(): return os.getpid()")
    workshop.write("moving.py", "@tool\ndef old(): return 1")
    toolset = workshop.toolset()
    assert await names(toolset) == [*BUILT_IN, "old", "pid"]
    pid = await call(toolset, "pid")
    workshop.write("moving.py", "@tool\ndef new(): return 22")
    workshop.write("later.py", "@tool\ndef later(): ...")
    assert await names(toolset) == [*BUILT_IN, "later", "new", "pid"]
    assert (await call(toolset, "new")).text == "22"
    assert await call(toolset, "pid") == pid
    (workshop.dir / "moving.py").unlink()
    assert await names(toolset) == [*BUILT_IN, "later", "pid"]


async def test_a_corrected_file_is_on_offer_again(workshop: Workshop) -> None:
    workshop.write("draft.py", "def oops(")
    toolset = workshop.toolset()
    assert await names(toolset) == BUILT_IN
    assert len(toolset.problems()) == 1
    workshop.write("draft.py", "@tool\ndef oops(): ...")
    assert await names(toolset) == [*BUILT_IN, "oops"]
    assert toolset.problems() == ()


async def test_files_next_to_each_other_can_be_imported_but_shadow_nothing(
    workshop: Workshop,
) -> None:
    workshop.write("json.py", "raise RuntimeError('this is not the json you want')")
    workshop.write("_shared.py", "@tool\ndef shared(): ...\nVALUE = 5")
    workshop.write("user.py", "import json\nfrom _shared import VALUE, shared\n"
                   "@tool\ndef value(): return json.dumps(VALUE)")  # fmt: skip
    toolset = workshop.toolset()
    assert await names(toolset) == [*BUILT_IN, "value"]
    assert (await call(toolset, "value")).text == "5"


async def test_the_directory_stays_tidy(workshop: Workshop) -> None:
    file = workshop.write("tidy.py", "@tool\ndef tidy(): ...")
    toolset = workshop.toolset()
    await call(toolset, "tidy")
    assert list(workshop.dir.iterdir()) == [file]


async def test_tools_do_not_get_the_apps_own_keys(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "TICKERTAPE_API_KEY", "WEATHER_KEY", "MY_GATEWAY_KEY"):
        monkeypatch.setenv(name, "secret")
    workshop.write("env.py", "import os\n@tool\ndef env(): return dict(os.environ)")
    toolset = workshop.toolset(hidden=["OPENAI_API_KEY", "TICKERTAPE_API_KEY", "MY_GATEWAY_KEY"])
    given = json.loads((await call(toolset, "env")).text)
    assert {name for name, value in given.items() if value == "secret"} == {"WEATHER_KEY"}
    default = json.loads((await call(workshop.toolset(), "env")).text)
    assert "OPENAI_API_KEY" not in default
    assert "TICKERTAPE_API_KEY" not in default


async def test_calls_of_one_file_run_side_by_side(workshop: Workshop) -> None:
    workshop.write(
        "meet.py",
        """
        import asyncio, threading

        together = threading.Barrier(2)
        event = None

        @tool
        def meet(name: str):
            together.wait(20)
            return name

        @tool
        async def first():
            global event
            event = asyncio.Event()
            await event.wait()
            return "woken"

        @tool
        async def second():
            while event is None:
                await asyncio.sleep(0)
            event.set()
        """,
    )
    toolset = workshop.toolset()
    await toolset.specs()
    outputs = await asyncio.gather(
        call(toolset, "meet", '{"name": "a"}'),
        call(toolset, "meet", '{"name": "b"}'),
        call(toolset, "first"),
        call(toolset, "second"),
    )
    assert [output.text for output in outputs] == ["a", "b", "woken", ""]


async def test_each_call_hears_its_own_prints(workshop: Workshop) -> None:
    workshop.write(
        "talk.py",
        """
        import asyncio, threading
        together = threading.Barrier(2)

        @tool
        def talk(word: str):
            for _ in range(200):
                print(word)
                together.wait(20)

        @tool
        async def whisper(word: str):
            for _ in range(200):
                print(word)
                await asyncio.sleep(0)
        """,
    )
    toolset = workshop.toolset()
    await toolset.specs()
    ears = {word: Ear() for word in ("aa", "bb", "cc", "dd")}
    await asyncio.gather(
        *(call(toolset, "talk", f'{{"word": "{word}"}}', ears[word]) for word in ("aa", "bb")),
        *(call(toolset, "whisper", f'{{"word": "{word}"}}', ears[word]) for word in ("cc", "dd")),
    )
    for word, ear in ears.items():
        assert ear.all == f"{word}\n" * 200


async def test_closing_ends_running_calls_with_an_error_output(
    workshop: Workshop, ear: Ear
) -> None:
    workshop.write("wait.py", "import time\n@tool\ndef wait():\n print('on')\n time.sleep(3600)")
    toolset = workshop.toolset()
    running = asyncio.create_task(call(toolset, "wait", ear=ear))
    await ear.heard("on")
    await toolset.close()
    output = await running
    assert output.is_error
    assert "wait.py ended: it was closed" in output.text
    await toolset.close()
