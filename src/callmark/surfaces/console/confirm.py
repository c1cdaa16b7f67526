"""One page that asks before something is lost; scripts show it as a dialog over the page that led to it."""

from dataclasses import dataclass
from typing import ClassVar

from starlette.responses import Response

from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.visit import Visit


@dataclass(frozen=True)
class Confirm(Page):
    """What will be done, what is lost by it, and the way back. `danger` colours the button."""

    template: ClassVar[str] = "kit/confirm.html"
    title: str
    lost: list[str]
    button: str
    to: str
    back: str
    danger: bool = True


def confirm(visit: Visit, asked: Confirm) -> Response:
    """The page that asks; its form posts to `to`."""
    return page(visit, asked)
