"""The menus as HTML, kept: visitors of one role and plan see the same ones on all pages that belong to one entry.

They are a third of what it takes to write a page.
"""

from functools import lru_cache

from jinja2 import Template
from markupsafe import Markup
from msgspec import Struct

from callmark.surfaces.console.menu import Menu

TEMPLATE = "kit/_menu.html"
ICONS = "vendor/icons.svg"
_MOST_KEPT = 256
"""Menus, of nine kilobytes each."""


class MenuParts(Struct, frozen=True):
    """The list at the account's name, the middle of the left panel, and its end."""

    overflow: Markup
    pages: Markup
    bottom: Markup


@lru_cache(maxsize=_MOST_KEPT)
def menu_parts(template: Template, icons: str, menu: Menu) -> MenuParts:
    """The parts of a menu by `TEMPLATE`, with the address of its `ICONS`: both may have changed since the last page."""
    del icons  # the template asks for it
    parts = template.module
    return MenuParts(*(getattr(parts, part)(menu) for part in MenuParts.__struct_fields__))
