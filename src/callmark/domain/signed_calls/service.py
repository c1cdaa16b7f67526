"""Use cases that read what was signed and verified."""

from uuid import UUID

from callmark.domain.deps import Deps
from callmark.domain.signed_calls import queries
from callmark.domain.signed_calls.model import SignedCall, VerifiedCall


async def calls_on_network(deps: Deps, record_id: UUID) -> tuple[list[SignedCall], list[VerifiedCall]]:
    """The calls of a record that were signed, and those that were verified, in order."""
    async with deps.db.connection() as tx:
        return await queries.signed_of_record(tx, record_id), await queries.verified_of_record(tx, record_id)
