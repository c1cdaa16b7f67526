"""Use cases of numbers: list and delist them, look them up, find the one that rings (contract, section 7)."""

from callmark.domain.numbers import queries
from callmark.domain.numbers.model import ListedCaller
from callmark.kit.db import Tx
from callmark.kit.phone import PhoneNumber


async def listed_caller(tx: Tx, number: PhoneNumber) -> ListedCaller | None:
    """The number that rings, when it is listed in a published feature set of an active account; None otherwise.

    One statement.
    """
    return await queries.select_listed_caller(tx, number)
