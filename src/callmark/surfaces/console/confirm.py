"""One page that asks before something is lost; scripts show it as a dialog over the page that led to it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from starlette.responses import Response

from callmark.domain.policy.model import Action
from callmark.kit.errors import ChangedMeanwhile, Conflict
from callmark.surfaces.console import display_names
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.console.route import Access, ConsoleRoute, Handler, get, post

SEEN = "seen"
"""The hidden field with the digest of what a page showed that would be lost."""
CHANGED = "This changed meanwhile. Check it again, then confirm."
_MOST_NAMES = 3


class Confirm(Page, frozen=True):
    """What will be done, what is lost by it, and the way back. `danger` colours the button.

    Its form posts to the address of the page. `seen` is the digest of what would be lost, where someone else may change
    that while the page is open: the action hands it to its use case. `logo`: the address and the text of
    the picture that is decided about, if one is.
    """

    template: ClassVar[str] = "kit/confirm.html"
    title: str
    lost: list[str]
    button: str
    back: str
    danger: bool = True
    seen: str = ""
    logo: tuple[str, str] | None = None


class Blocked(Page, frozen=True):
    """Why something cannot be done yet, and where to continue (`next`: what its button says, and its address)."""

    template: ClassVar[str] = "kit/blocked.html"
    title: str
    reasons: list[str]
    next: tuple[str, str] | None
    back: str


def confirmed(
    path: str, question: Callable[[ConsoleRequest], Awaitable[Page]], act: Handler, needs: Action | Access
) -> tuple[ConsoleRoute, ConsoleRoute]:
    """The page that asks (or says why not), and, at the same path, the action that its form posts to.

    What has become impossible since it was asked is said where the question leads back to. Where something else would
    be lost than the page showed, nothing is done and it asks again.
    """

    async def ask(request: ConsoleRequest) -> Response:
        return page(request, await question(request))

    async def do(request: ConsoleRequest) -> Response:
        try:
            return await act(request)
        except ChangedMeanwhile:
            return request.go(request.address, CHANGED, "warning")
        except Conflict as refused:
            asked = await question(request)
            if not isinstance(asked, Confirm | Blocked):
                raise
            return request.go(asked.back, display_names.sentence(refused.message), "danger")

    return get(path, ask, needs), post(path, do, needs)


def shown_by(names: Sequence[str]) -> str:
    """The sentence that names the feature sets (at least one) that show something: three at most."""
    if len(names) == 1:
        return f"{names[0]} shows it."
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES])}{more} show it."
