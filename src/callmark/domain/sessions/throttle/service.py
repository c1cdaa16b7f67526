"""Takes, gives back and forgets tries."""

from datetime import timedelta

from msgspec import Struct

from callmark.domain.deps import Deps
from callmark.domain.sessions.throttle import queries
from callmark.kit.errors import TooManyRequests
from callmark.kit.postgres.database import Tx


class Limit(Struct, frozen=True):
    """At most `most` tries in any `window`, of each who tries."""

    what: str
    most: int
    window: timedelta


SIGN_IN_EMAIL = Limit("sign_in_email", 10, timedelta(minutes=15))
"""Wrong passwords for one email address, from all browsers that are not known for its owner."""
SIGN_IN_ADDRESS = Limit("sign_in_address", 100, timedelta(minutes=15))
"""Wrong passwords from one network (`Origin.network`), for whomever, without those of known browsers."""
SIGN_IN_BROWSER = Limit("sign_in_browser", 10, timedelta(minutes=15))
"""Wrong passwords in one known browser for the person that it is known for."""
OLD_PASSWORD = Limit("old_password", 10, timedelta(minutes=15))
"""Wrong passwords by which one session tried to choose a new one."""
SIGN_IN_CODE = Limit("sign_in_code", 10, timedelta(hours=1))
"""Codes for one member, each good for five guesses: who knows the password may not guess without end."""
MAIL = Limit("mail", 5, timedelta(hours=1))
"""Mails to one address that anyone can cause."""
ALERT_MAIL = Limit("alert_mail", 5, timedelta(hours=1))
"""Mails to one address that ask whether it wants alerts. Apart from `MAIL`: no account can use up someone's resets."""
ALERT_MAILS = Limit("alert_mails", 40, timedelta(hours=1))
"""The same of one account, to whatever addresses: twice what it can have of them."""
INVITED = Limit("invited", 5, timedelta(hours=1))
"""Invitations to one address. Apart from `MAIL`, so that nobody can keep others from inviting someone."""
INVITATIONS = Limit("invitations", 100, timedelta(hours=1))
"""Mails by which one account invites people, whose text its members choose a part of."""
KEPT_FORM = Limit("kept_form", 20, timedelta(minutes=15))
"""Forms kept for who has to sign in first, from one network."""
LONGEST_WINDOW = timedelta(hours=1)
_LONGEST_WHO = 300
"""What people type before they sign in is cut, so that it fits into the index; no address is as long."""


async def take(deps: Deps, limit: Limit, who: str) -> None:
    """Counts a try. Raises TooManyRequests when there is none left, which is not counted.

    The row's lock orders concurrent tries. Tries in the future are no tries: the emulator's clock went back.
    """
    await take_each(deps, (limit, who))


async def take_each(deps: Deps, *tries: tuple[Limit, str]) -> None:
    """As `take`, of each of several limits; where one has none left, no other counts. Name them in one order."""
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        for limit, tried in tries:
            who = tried[:_LONGEST_WHO]
            kept = await queries.lock_tries(tx, limit.what, who)
            counted = [instant for instant in kept if now - limit.window < instant <= now]
            if len(counted) >= limit.most:
                raise TooManyRequests(counted[-limit.most] + limit.window - now)
            await queries.update_tries(tx, limit.what, who, [*counted, now])


async def forget(tx: Tx, limit: Limit, who: str) -> None:
    """The one who tried has all tries again."""
    await queries.delete_tries(tx, limit.what, who[:_LONGEST_WHO])


async def give_back(tx: Tx, limit: Limit, who: str) -> None:
    """The newest try does not count: it was right."""
    await queries.drop_newest(tx, limit.what, who[:_LONGEST_WHO])


async def forget_old_tries(deps: Deps) -> None:
    """Drops what limits no longer count."""
    await queries.delete_older(deps.db, deps.clock.now() - LONGEST_WINDOW)
