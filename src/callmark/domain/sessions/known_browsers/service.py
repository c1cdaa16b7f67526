"""Browsers in which a person has signed in before: wrong passwords count apart there.

So nobody can keep a person from signing in by wrong passwords for its address. A known browser opens nothing, and is
known until the password is replaced. It keeps a token for each person who has signed in there; we keep their hashes.
See docs/decisions/0072-what-sign-in-gives-away.md.
"""

from datetime import datetime, timedelta

from callmark.domain.deps import Deps
from callmark.domain.sessions.known_browsers import queries
from callmark.domain.sessions.model import TOKEN_LENGTH, Person
from callmark.kit.ids import random_text, sha256
from callmark.kit.postgres.database import Database, Tx

LIFETIME = timedelta(days=180)
"""For how long a browser stays known after the last sign-in there."""
MOST_OF_PERSON = 20
"""Browsers of one person; of more, the one that was used longest ago is forgotten."""
MOST_IN_BROWSER = 5
"""Persons that one browser is known for; of more, likewise."""
_BETWEEN = "."


async def find_known(tx: Tx, kept: str, person: Person, now: datetime) -> bytes | None:
    """What counts tries in a browser that is known for the person; None for any other browser.

    The same statement for every person, also for none: its time says nothing of who there is.
    """
    return await queries.select_known(tx, [sha256(token) for token in tokens_in(kept)], person, now)


async def remember(deps: Deps, tx: Tx, person: Person, kept: str) -> str:
    """Makes the browser known for the person, or for longer; what it keeps from now on instead of `kept`."""
    now = deps.clock.now()
    found = await find_known(tx, kept, person, now)
    mine = next((token for token in tokens_in(kept) if sha256(token) == found), None) or random_text(TOKEN_LENGTH)
    await queries.put_known(tx, sha256(mine), person, now + LIFETIME)
    await queries.delete_beyond(tx, person, MOST_OF_PERSON)
    return with_token(mine, kept)


async def forget_all(tx: Tx, person: Person) -> None:
    """The person is known in no browser."""
    await queries.delete_known(tx, person)


async def forget_expired(db: Database, now: datetime) -> None:
    """Deletes those whose time is over."""
    await queries.delete_expired(db, now)


def with_token(token: str, kept: str) -> str:
    """What a browser keeps with this token, which comes first; of more persons, the one before the others is gone."""
    others = [one for one in tokens_in(kept) if one != token]
    return _BETWEEN.join([token, *others][:MOST_IN_BROWSER])


def tokens_in(kept: str) -> list[str]:
    """The tokens in what a browser sent, which can be anything; a token for each person."""
    found = [token for token in kept.split(_BETWEEN) if len(token) == TOKEN_LENGTH]
    return [token for token in found if token.isascii() and token.isalnum()][:MOST_IN_BROWSER]
