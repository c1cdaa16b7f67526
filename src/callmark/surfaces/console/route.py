"""A line of the console's route table: its path, its handler, and what a person must be allowed to do."""

from collections.abc import Awaitable, Callable
from enum import Enum

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.policy.model import Action
from callmark.surfaces.console.request import ConsoleRequest

Handler = Callable[[ConsoleRequest], Awaitable[Response]]


class Access(Enum):
    """Routes that are not about an action of a role."""

    ANYBODY = "anybody"  # signed in or not
    SIGNED_IN = "signed_in"  # members, and operators acting or not


class ConsoleRoute(Struct, frozen=True):
    """Method, path below `/console`, handler, and what the visitor must be allowed to do."""

    method: str
    path: str
    handler: Handler
    needs: Action | Access
    largest_bytes: int = 256 * 1024
    """Largest body; pages that take files say more."""
    again: Handler | None = None
    """Shows a form for everyone once more when its token does not fit; without it, its page is opened again."""


def get(path: str, handler: Handler, needs: Action | Access) -> ConsoleRoute:
    """A page."""
    return ConsoleRoute("GET", path, handler, needs)


def post(
    path: str,
    handler: Handler,
    needs: Action | Access,
    *,
    largest_bytes: int = 256 * 1024,
    again: Handler | None = None,
) -> ConsoleRoute:
    """A form's target."""
    return ConsoleRoute("POST", path, handler, needs, largest_bytes, again)
