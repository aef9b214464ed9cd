"""The tools of this machine as one Toolset: the built-in ones, then the user's files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tui.core.errors import ToolError
from tui.core.models import CallId, Problem, ToolOutput, ToolSpec
from tui.tools.arguments import check_arguments, check_json
from tui.tools.builtin import builtin_tools, call_builtin
from tui.tools.files import ToolFile
from tui.tools.function import ToolFunction
from tui.tools.limits import usual_memory

# The app's own keys: a tool that shows its environment must not send them to a model.
OWN_KEYS = ("OPENAI_API_KEY", "TICKERTAPE_API_KEY")


@dataclass(slots=True)
class _Offer:
    """What is on offer by name, and where it is run; ``problems`` is what is not."""

    specs: dict[str, ToolSpec] = field(default_factory=dict)
    owners: dict[str, ToolFunction | ToolFile] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, spec: ToolSpec, owner: ToolFunction | ToolFile, where: str) -> None:
        if spec.name in self.specs:
            taken = self.owners[spec.name]
            by = taken.file.name if isinstance(taken, ToolFile) else "a built-in tool"
            self.problems.append(
                Problem(
                    code="duplicate_tool",
                    message=f"{where} has a tool {spec.name}, a name already used by {by}.",
                    hint="Rename one: @tool(name=...). The first is on offer.",
                )
            )
            return
        self.specs[spec.name] = spec
        self.owners[spec.name] = owner


class LocalToolset:
    """Toolset over ``tools_dir`` (None: built-in tools only). Used from one event loop.

    ``specs`` finds the tools, and again whatever files changed since; ``call`` does so if it never
    happened. ``validate`` cannot wait: before ``specs`` was awaited it checks only that the
    arguments are a JSON object, and ``call`` checks the rest. ``hidden`` names environment
    variables that the user's tools do not get. ``load_timeout`` is in seconds, per file. ``memory``
    is how many bytes a worker may hold; half of the machine's unless it is given.
    """

    def __init__(
        self,
        tools_dir: Path | None,
        *,
        hidden: Collection[str] = OWN_KEYS,
        load_timeout: float = 15.0,
        memory: int | None = None,
    ) -> None:
        self._dir = tools_dir
        self._env = {name: value for name, value in os.environ.items() if name not in hidden}
        self._load_timeout = load_timeout
        self._memory = memory or usual_memory()
        self._builtin: list[ToolFunction] = []
        self._files: dict[Path, ToolFile] = {}
        self._offer: _Offer | None = None
        self._finding = asyncio.Lock()

    async def specs(self) -> Sequence[ToolSpec]:
        async with self._finding:
            self._offer = await self._find()
        return tuple(self._offer.specs.values())

    def problems(self) -> Sequence[Problem]:
        """Which files and functions are not on offer, and why, as of the last ``specs``."""
        return tuple(self._offer.problems) if self._offer is not None else ()

    def validate(self, name: str, arguments: str) -> Problem | None:
        if self._offer is None:
            return check_json(name, arguments)
        spec = self._offer.specs.get(name)
        if spec is None:
            return _unknown(name, list(self._offer.specs))
        return check_arguments(spec, arguments)

    async def call(
        self, call_id: CallId, name: str, arguments: str, emit: Callable[[str], None]
    ) -> ToolOutput:
        if self._offer is None:
            await self.specs()
        problem = self.validate(name, arguments)
        if problem is not None or self._offer is None:
            problem = problem or _unknown(name, [])
            raise ToolError(problem.message, hint=problem.hint, code=problem.code)
        owner = self._offer.owners[name]
        if isinstance(owner, ToolFile):
            return _marked(await owner.call(name, arguments, emit))
        return _marked(await call_builtin(owner, arguments))

    async def close(self) -> None:
        await asyncio.gather(*(file.close() for file in self._files.values()))
        self._files.clear()
        self._offer = None

    async def _find(self) -> _Offer:
        if not self._builtin:
            self._builtin = await asyncio.to_thread(builtin_tools)
        offer = _Offer()
        for tool in self._builtin:
            offer.add(tool.spec, tool, "Tickertape")
        await self._refresh(await asyncio.to_thread(self._listing))
        for file in self._files.values():
            offer.problems += file.problems
            for spec in file.specs:
                offer.add(spec, file, file.file.name)
        return offer

    def _listing(self) -> list[Path]:
        """The files with tools, in name order; those that begin with ``_`` or ``.`` are not."""
        if self._dir is None or not self._dir.is_dir():
            return []
        return sorted(path for path in self._dir.glob("*.py") if path.name[0] not in "_.")

    async def _refresh(self, listing: list[Path]) -> None:
        gone = [self._files.pop(path) for path in self._files.keys() - set(listing)]
        self._files = {
            path: self._files.get(path)
            or ToolFile(path, self._env, self._load_timeout, self._memory)
            for path in listing
        }
        await asyncio.gather(
            *(file.close() for file in gone), *(file.refresh() for file in self._files.values())
        )


def _marked(output: ToolOutput) -> ToolOutput:
    """Most protocols carry an output as mere text, so an error has to say that it is one."""
    return replace(output, text=f"Error: {output.text}") if output.is_error else output


def _unknown(name: str, known: list[str]) -> Problem:
    return Problem(
        code="unknown_tool",
        message=f"There is no tool {name[:80]!r}; the tools are {', '.join(known) or 'none'}.",
    )
