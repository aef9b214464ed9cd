"""A directory for tools and toolsets over it that are closed after the test."""

from __future__ import annotations

import asyncio
import fcntl
import textwrap
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tui.core.models import ToolOutput
from tui.tools.local import LocalToolset


@dataclass
class Workshop:
    """``write`` puts a file of tools there; ``toolset`` opens one over all of them."""

    dir: Path
    opened: list[LocalToolset] = field(default_factory=list)

    def write(self, name: str, source: str) -> Path:
        file = self.dir / name
        file.write_text("from tui.tools import tool\n" + textwrap.dedent(source))
        return file

    def toolset(self, **options: Any) -> LocalToolset:
        toolset = LocalToolset(self.dir, **options)
        self.opened.append(toolset)
        return toolset


@dataclass
class Ear:
    """What a call printed; ``heard`` returns when it contains a text."""

    texts: list[str] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, text: str) -> None:
        self.texts.append(text)
        self._news.set()

    @property
    def all(self) -> str:
        return "".join(self.texts)

    async def heard(self, text: str) -> None:
        while text not in self.all:
            self._news.clear()
            await self._news.wait()


@pytest.fixture
async def workshop(tmp_path: Path) -> AsyncIterator[Workshop]:
    place = tmp_path / "tools"
    place.mkdir()
    workshop = Workshop(place)
    yield workshop
    for toolset in workshop.opened:
        await toolset.close()


@pytest.fixture
async def ear() -> Ear:
    return Ear()


async def call(
    toolset: LocalToolset, name: str, arguments: str = "{}", ear: Ear | None = None
) -> ToolOutput:
    return await toolset.call("call", name, arguments, ear or Ear())


async def lock_is_free(file: Path) -> None:
    """Return when no process holds a lock on ``file``: the kernel frees it when one dies."""

    with file.open("a") as opened:
        async with asyncio.timeout(20):
            while not _locked(opened.fileno()):
                await asyncio.sleep(0.01)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
