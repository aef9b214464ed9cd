"""Function tools: the built-in ones, and Python files of the user's with functions marked @tool.

Importing this package is cheap (standard library only): user files import it for the decorator.
"""

from tui.core.errors import ToolError
from tui.tools.mark import tool

__all__ = ["ToolError", "tool"]
