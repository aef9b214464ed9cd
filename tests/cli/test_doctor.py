"""``tickertape doctor`` and ``tickertape models`` as a person runs them, against servers here."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import Terminal
from tests.conftest import FAKE_KEY, FAKE_KEY_ENV
from tests.providers.assistants_peer import AssistantsPeer, Calls, End, Say
from tests.providers.chat_peer import ChatPeer
from tests.providers.http_peer import HttpPeer, Reply, Request
from tests.providers.responses_peer import ResponsesPeer

CERTIFICATES = Path(__file__).parents[1] / "providers"
CALL = Calls((("get_time", ('{"city": "Paris"}',)),))


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str

    @property
    def states(self) -> dict[str, str]:
        """Each check of a ``doctor --json`` and its state."""
        checks = map(json.loads, self.out.splitlines())
        return {check["name"]: check["state"] for check in checks}


async def tickertape(*arguments: str, **environment: str) -> Done:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tui", *arguments),
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


def configure(base_url: str, protocol: str = "chat", more: str = "") -> None:
    path = Path(os.environ["TICKERTAPE_HOME"]) / "config" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(
        f'default_profile = "here"\n[profiles.here]\nprotocol = "{protocol}"\n'
        f'base_url = "{base_url}"\nmodel = "first-model"\napi_key_env = "{FAKE_KEY_ENV}"\n{more}',
        encoding="utf-8",
    )


PEERS: dict[str, Callable[[], Any]] = {
    "assistants": AssistantsPeer,
    "chat": ChatPeer,
    "responses": ResponsesPeer,
}


@asynccontextmanager
async def working(protocol: str = "chat", more: str = "") -> AsyncIterator[Any]:
    """A server that says OK, calls the tool it is offered, and is configured."""
    peer = PEERS[protocol]()

    async def script(request: Request) -> None:
        if request.method == "POST":
            offered = b'"get_time"' in request.raw or b"time is it" in request.raw
            peer.script = [CALL] if offered else [Say(("OK",)), End()]

    peer.intercept = script
    async with peer.http:
        configure(f"{peer.http.url}/v1", protocol, more)
        yield peer


# --- doctor ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PEERS)
async def test_all_is_fine(protocol: str) -> None:
    async with working(protocol) as peer:
        done = await tickertape("doctor", "--json")
    assert done.status == 0, done
    assert done.states == {
        "profile": "ok",
        "key": "ok",
        "DNS": "ok",
        "TCP": "ok",
        "TLS": "not checked",
        "models": "ok",
        "stream": "ok",
        "tools": "ok",
    }
    if protocol == "assistants":
        assert [run["status"] for run in peer.runs.values()][-1] == "cancelled"
    else:
        short, tools = peer.bodies
        assert 16 in (short.get("max_completion_tokens"), short.get("max_output_tokens"))
        assert tools["tool_choice"] == "required"


async def test_it_reads_calmly_and_shows_the_end_of_the_key_alone() -> None:
    async with working() as peer:
        done = await tickertape("doctor")
        lines = done.out.splitlines()
        assert [line[:9].strip() for line in lines] == (
            ["profile", "key", "DNS", "TCP", "TLS", "models", "stream", "tools"]
        )
        assert lines[2].endswith("127.0.0.1 needs no lookup")
        assert f"here: chat at {peer.http.url}/v1, model first-model, from " in lines[0]
    assert lines[1].endswith(f"the one from {FAKE_KEY_ENV} ends in {FAKE_KEY[-4:]}")
    assert "1 model, first-model among them" in lines[5]
    assert FAKE_KEY[-5:] not in done.out
    assert "\x1b" not in done.out
    assert done.err == ""


def test_a_terminal_shows_it_in_columns() -> None:
    configure("http://127.0.0.1:1/v1")
    command = [sys.executable, "-m", "tui", "doctor"]
    with contextlib.closing(Terminal(command=command, columns=80)) as terminal:
        assert terminal.wait_exit() == 1
    lines = terminal.text().splitlines()
    assert lines[0].startswith("profile  ok" + " " * 21 + "here: chat at")
    assert lines[1].startswith(" " * 32)
    assert all(len(line) <= 80 or len(line.split()) == 1 for line in lines), "a path stays whole"


async def test_a_wrong_key_fails_where_it_is_used() -> None:
    async with working() as peer:

        async def refuse(request: Request) -> Reply:
            return Reply.error(401, f"wrong key \x1b[31m{FAKE_KEY}")

        peer.intercept = refuse
        done = await tickertape("doctor")
    assert done.status == 1
    assert "The server does not accept the key" in done.out
    assert "Check the profile's key." in done.out
    assert FAKE_KEY not in done.out
    assert "\x1b" not in done.out


async def test_no_key_is_a_fault_of_the_configuration() -> None:
    configure("http://127.0.0.1:1/v1")
    done = await tickertape("doctor", **{FAKE_KEY_ENV: ""})
    assert done.status == 2
    assert f"{FAKE_KEY_ENV} is not set" in done.out


async def test_a_header_whose_variable_is_not_set_is_a_fault_of_the_configuration() -> None:
    configure("http://127.0.0.1:1/v1", more='headers = { X-Login = "env:NO_SUCH_LOGIN" }\n')
    done = await tickertape("doctor")
    assert done.status == 2
    assert "takes its header X-Login from NO_SUCH_LOGIN, which is not set" in done.out


async def test_what_the_profile_says_beyond_the_usual_is_shown() -> None:
    more = "context_window = 8000\noptions = { do_sample = true }\n"
    configure("http://127.0.0.1:1/v1", more=more)
    lines = (await tickertape("doctor")).out.splitlines()
    assert "model first-model, context_window = 8,000 tokens, from" in lines[0]
    assert lines[1].startswith("options  not checked")
    assert "do_sample is no option that Tickertape knows" in lines[1]


@pytest.mark.parametrize(
    ("profile", "variable", "more", "line", "key_header"),
    [
        ("openai", "OPENAI_BASE_URL", "", "POST /v1/responses", "authorization"),
        ("azure", "AZURE_OPENAI_ENDPOINT", "", "POST /openai/v1/responses", "authorization"),
        (
            "azure",
            "AZURE_OPENAI_ENDPOINT",
            'protocol = "chat"\ndialect = "azure"\napi_version = "2024-10-21"\n',
            "POST /openai/deployments/mine/chat/completions",
            "api-key",
        ),
    ],
)
async def test_addresses_of_the_environment(
    profile: str, variable: str, more: str, line: str, key_header: str
) -> None:
    path = Path(os.environ["TICKERTAPE_HOME"]) / "config" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(f'[profiles.{profile}]\nmodel = "mine"\n{more}', encoding="utf-8")

    async def refuse(request: Request) -> Reply:
        return Reply.error(500)

    async with HttpPeer(refuse) as peer:
        address = f"{peer.url}/v1" if profile == "openai" else f"{peer.url}/"
        keys = dict.fromkeys(("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"), FAKE_KEY)
        done = await tickertape("doctor", "-p", profile, **{variable: address}, **keys)
    assert f"({variable})" in done.out.splitlines()[0]
    asked = peer.requests[-1]
    assert asked.line == line
    assert FAKE_KEY in asked.headers[key_header]
    assert asked.query == ({"api-version": "2024-10-21"} if more else {})


async def test_no_such_profile() -> None:
    done = await tickertape("doctor", "--profile", "nowhere")
    assert (done.status, done.out) == (2, "")
    assert "There is no profile 'nowhere'" in done.err


@pytest.mark.parametrize(
    ("url", "failed", "said"),
    [
        ("http://tickertape.invalid/v1", "DNS", "There is no host tickertape.invalid."),
        ("http://127.0.0.1:1/v1", "TCP", "Nothing answers at 127.0.0.1:1."),
    ],
)
async def test_what_cannot_work_is_not_tried(url: str, failed: str, said: str) -> None:
    configure(url)
    done = await tickertape("doctor", "--json")
    assert done.status == 1
    states = done.states
    assert states.pop(failed) == "failed"
    assert {states[name] for name in ("TLS", "models", "stream", "tools")} == {"not checked"}
    assert said in done.out


@pytest.mark.parametrize("trusted", [True, False])
async def test_certificates(trusted: bool) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATES / "models_example.pem")
    plain = ChatPeer()
    plain.script = [Say(("OK",)), End(), CALL]
    async with HttpPeer(plain._handle, tls=tls) as peer:
        configure(f"{peer.url}/v1")
        named = str(CERTIFICATES / ("models_example.pem" if trusted else "expired.pem"))
        done = await tickertape("doctor", "--json", SSL_CERT_FILE=named)
    assert done.status == (0 if trusted else 1)
    assert done.states["TLS"] == ("ok" if trusted else "failed")
    assert ("certificate valid until" if trusted else "nobody that this machine trusts") in done.out


async def test_a_model_that_the_server_does_not_have() -> None:
    async with working() as peer:
        peer.models = ["second-model", "third-model"]
        done = await tickertape("doctor", "--json")
    assert done.status == 1
    assert done.states["models"] == "failed"
    assert done.states["stream"] == "ok", "it is asked all the same"
    assert "second-model" in done.out


@pytest.mark.parametrize(
    ("more", "said"),
    [("tools = false\n", "says tools = false"), ("", "answered without it")],
)
async def test_tools_are_not_judged_where_it_would_be_unfair(more: str, said: str) -> None:
    async with working(more=more) as peer:

        async def talk(request: Request) -> None:
            peer.script = [Say(("OK",)), End()]

        peer.intercept = talk
        done = await tickertape("doctor", "--json")
    assert done.status == 0
    assert done.states["tools"] == "not checked"
    assert said in done.out


# --- models ---------------------------------------------------------------------------------------


@asynccontextmanager
async def listing(*models: dict[str, Any], more: str = "") -> AsyncIterator[None]:
    async def answer(request: Request) -> Reply:
        return Reply.json({"data": list(models)})

    async with HttpPeer(answer) as peer:
        configure(f"{peer.url}/v1", more=more)
        yield


async def test_models_are_listed_with_their_windows() -> None:
    async with listing({"id": "small\x1b[2J", "max_model_len": 4096}, {"id": "m"}):
        table, as_json = await tickertape("models"), await tickertape("models", "--json")
    assert table.status == as_json.status == 0
    first, second = table.out.splitlines()
    assert first.split()[-1] == "4,096"
    assert second == "m"
    assert "\x1b" not in table.out
    listed = [json.loads(line) for line in as_json.out.splitlines()]
    assert listed[0]["context_window"] == 4096
    assert listed[1] == {"id": "m", "context_window": None}


async def test_a_window_of_the_profiles_own_is_told_beside_the_list() -> None:
    async with listing({"id": "m", "max_model_len": 4096}, more="context_window = 2048\n"):
        table, as_json = await tickertape("models"), await tickertape("models", "--json")
    assert table.out.split() == ["m", "4,096"]
    assert "The profile 'here' has a context_window of its own, 2,048 tokens" in table.err
    assert json.loads(as_json.out) == {"id": "m", "context_window": 4096}


async def test_no_models_and_no_server() -> None:
    async with listing():
        none = await tickertape("models")
    assert (none.status, none.out) == (0, "")
    assert "lists no models" in none.err
    gone = await tickertape("models")
    assert gone.status == 1
    assert "Nothing answers" in gone.err
