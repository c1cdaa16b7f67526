"""Use cases of roots and signing certificates."""

from callmark.domain.deps import Deps
from callmark.domain.signer_certificates import queries
from callmark.kit.errors import found


async def chain_pem(deps: Deps, serial: str) -> str:
    """The PEM file at the address of a certificate: its own, then those that issued it. Raises NotFound."""
    async with deps.db.connection() as tx:
        return found(await queries.select_chain(tx, serial))
