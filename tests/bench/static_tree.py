"""The widgets of the first frame with Textual's own in their places, and none of our code."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Footer, OptionList, Static, TextArea


class StaticTree(App[None]):
    """Three panes, a text box and a footer, as many widgets as the app has."""

    CSS = """
    #threads { width: 28; border: round $primary; }
    #chat { width: 1fr; border: round $primary; }
    #inspector { width: 52; border: round $primary; }
    TextArea { height: 5; }
    #chat Static, #inspector Static { height: 1fr; }
    #status, .line { height: 1; }
    """

    BINDINGS = [  # noqa: RUF012  # Textual's own way
        ("ctrl+n", "bell", "New"),
        ("ctrl+o", "bell", "Inspector"),
        ("ctrl+p", "bell", "Palette"),
        ("ctrl+q", "quit", "Quit"),
        ("f6", "bell", "Next pane"),
    ]

    def compose(self) -> ComposeResult:
        with Horizontal():
            with Vertical(id="threads"):
                yield OptionList("New thread", "Another thread")
            with Vertical():
                with Vertical(id="chat"), VerticalScroll():
                    yield Static("Welcome")
                    yield Static("New below", classes="line")
                yield Static("", classes="line")
                yield Static("", classes="line")
                yield TextArea()
            with Vertical(id="inspector"):
                yield Static("Inspector")
                yield Static("Calls")
                yield Static("Wire", classes="line")
        yield Static("Starting…", id="status")
        yield Footer()


if __name__ == "__main__":
    StaticTree().run()
