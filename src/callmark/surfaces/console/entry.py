"""A line of the console's route table."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from starlette.responses import Response

from callmark.domain.policy.model import Action
from callmark.surfaces.console.visit import Visit

Handler = Callable[[Visit], Awaitable[Response]]


class Access(Enum):
    """Routes that are not about an action of a role."""

    ANYBODY = "anybody"  # signed in or not
    SIGNED_IN = "signed_in"  # members, and operators acting or not


@dataclass(frozen=True)
class Entry:
    """Method, path below `/console`, handler, and what the visitor must be allowed to do."""

    method: str
    path: str
    handler: Handler
    action: Action | Access
    largest_bytes: int = 256 * 1024
    """Largest body; pages that take files say more."""


def get(path: str, handler: Handler, action: Action | Access) -> Entry:
    """A page."""
    return Entry("GET", path, handler, action)


def post(path: str, handler: Handler, action: Action | Access, *, largest_bytes: int = 256 * 1024) -> Entry:
    """A form's target."""
    return Entry("POST", path, handler, action, largest_bytes)
