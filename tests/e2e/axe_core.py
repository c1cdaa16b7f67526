"""axe-core at hand in every page of a tab: half a megabyte is sent to the tab and compiled once, not for each page."""

from functools import cache
from pathlib import Path

_FILE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"


@cache
def at_hand() -> str:
    """A script for the beginning of each page, which then has `loadAxe()`; what no page calls costs it nothing."""
    return f"Object.defineProperty(window, 'loadAxe', {{ value() {{ {_FILE.read_text()} }} }});"
