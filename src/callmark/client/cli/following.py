"""The account's events as they come: the log is asked again and again, and each request waits for news."""

from collections.abc import Callable

import click
from msgspec import Raw, Struct

from callmark.client.cli.session import remark
from callmark.client.core import Call, Core
from callmark.client.errors import CallmarkError
from callmark.client.flow import Flow
from callmark.client.shells import Shell

WAIT_S = 20
"""Less than the library waits for an answer."""
_MOST = 100


class FollowedEvent(Struct, frozen=True):
    """An event and its number. `event` is the body that webhooks get, byte for byte; `null` if it is hidden."""

    number: int
    event: Raw = Raw(b"null")

    @property
    def is_visible(self) -> bool:
        """Whether the key may see events of its type."""
        return bytes(self.event) != b"null"


class _FollowedPage(Struct):
    events: list[FollowedEvent] = []
    last_number: int = 0


def follow(
    core: Core, shell: Shell, after: int | None, handle: Callable[[FollowedEvent], object], *, wait: bool
) -> None:
    """Hands over every event behind number `after`; behind the newest one for None. Without `wait` it ends there.

    Newest numbers only grow. One that is less than before, or than `after`, is of another log, as after the reset of an
    emulator, and that is read from its beginning. When it is interrupted, also within `handle`, it says where to
    continue: behind the last event that was handled.
    """
    if after is None:
        after = shell.run(_page(core, 0, 1, 0)).last_number
    newest = after
    try:
        while True:
            page = shell.run(_page(core, after, _MOST, WAIT_S if wait else 0))
            if page.last_number < newest:
                click.echo("The event log began again (a reset or a restore): reading it from its beginning.", err=True)
                after = newest = 0
                continue
            newest = page.last_number
            for one in page.events:
                handle(one)
                after = one.number
            # What is behind `after` may all be older than the log shows; then the newest number is never reached.
            if not wait and (not page.events or after >= page.last_number):
                return
    except (CallmarkError, KeyboardInterrupt):
        remark(f"To continue: --after {after}")
        raise


def _page(core: Core, after: int, limit: int, wait_s: int) -> Flow[_FollowedPage]:
    query = {"after": str(after), "limit": str(limit), "wait_s": str(wait_s)}
    call = Call("GET", f"{core.extensions}/events", query=query)
    return (yield from core.fetch(call, _FollowedPage))
