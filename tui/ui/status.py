"""One line below everything: where messages go, what the run does, what to do next."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class StatusLine(Static):
    """Where messages go on the left, the run's state after it, a passing remark in front."""

    DEFAULT_CSS = """
    StatusLine {
        height: 1;
        padding: 0 1;
        color: $text-muted;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def __init__(self) -> None:
        super().__init__("Starting…", id="status", markup=False)
        self._shown: tuple[str, str, str] | None = None

    def show(self, *, target: str, run: str, remark: str = "") -> None:
        """Show these texts, which are safe already."""
        if (target, run, remark) == self._shown:
            return
        self._shown = (target, run, remark)
        pieces = [(remark, "bold $text-accent"), (run, "$foreground"), (target, "")]
        told = [Content.styled(text, style) for text, style in pieces if text]
        self.update(Content("  │  ").join(told))
