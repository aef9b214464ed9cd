"""Run as a process of its own, to be killed while it does something to the whole store.

    python -m tests.durability.opener open|compact

Says on standard output when it begins and when it is done; it never ends by itself.
"""

from __future__ import annotations

import json
import sys
import threading

from tui.config.paths import resolve_paths
from tui.config.settings_file import load_settings
from tui.store.thread_store import SqliteThreadStore
from tui.wiring import compact_store


def _say(word: str) -> None:
    print(json.dumps({"says": word}), flush=True)


def main(what: str) -> None:
    paths = resolve_paths()
    settings = load_settings(paths.config_file)
    _say("begins")
    if what == "compact":
        compact_store(paths, settings)
    else:
        SqliteThreadStore.open(paths.database)
    _say("done")
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1])
