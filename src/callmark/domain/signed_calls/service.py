"""Use cases that read what was signed and verified."""

from typing import NamedTuple
from uuid import UUID

from callmark.domain.deps import Deps
from callmark.domain.signed_calls import queries
from callmark.domain.signed_calls.model import SignedCall, VerifiedCall


class CallsOnNetwork(NamedTuple):
    """The calls of a record that were signed, and those that were verified, in order."""

    signed: list[SignedCall]
    verified: list[VerifiedCall]


async def calls_on_network(deps: Deps, record_id: UUID) -> CallsOnNetwork:
    """The calls of a record on the telephone network."""
    async with deps.db.connection() as tx:
        return CallsOnNetwork(
            await queries.signed_of_record(tx, record_id), await queries.verified_of_record(tx, record_id)
        )
