"""Renders the scenes into ``screenshots/``: ``python -m tests.ui.screenshots [NAME ...]``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import cairosvg  # type: ignore[import-untyped]  # it ships no types

from tests.ui.driving import make_app
from tests.ui.fakes import FakeBackend
from tests.ui.scenes import SCENES, Scene

_TARGET = Path(__file__).parents[2] / "screenshots"


async def draw(scene: Scene) -> str:
    """The scene as SVG."""
    backend = FakeBackend()
    scene.prepare(backend)
    app = make_app(backend)
    async with app.run_test(size=scene.size, notifications=True) as pilot:
        await scene.run(pilot, backend)
        return app.export_screenshot(title="Tickertape")


def main(names: list[str]) -> None:
    """Write SVG and PNG of the named scenes, or of all."""
    _TARGET.mkdir(exist_ok=True)
    for scene in SCENES:
        if names and not any(scene.name.startswith(name) for name in names):
            continue
        svg = asyncio.run(draw(scene))
        (_TARGET / f"{scene.name}.svg").write_text(svg, encoding="utf-8")
        # The SVG asks for a web font; a picture has to make do with one that is installed.
        svg = svg.replace("Fira Code", "DejaVu Sans Mono")
        cairosvg.svg2png(svg.encode(), write_to=str(_TARGET / f"{scene.name}.png"), scale=1)
        print(scene.name)


if __name__ == "__main__":
    main(sys.argv[1:])
