"""The screen: Textual widgets over the five services of ``tui.core.ports``."""
