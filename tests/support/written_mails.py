"""Mails as their recipients get them, whether they were sent or wait."""

from callmark.domain.deps import Deps
from callmark.domain.mail import sealing, service as mail
from callmark.domain.mail.model import Mail


async def written_mails(deps: Deps) -> list[Mail]:
    """The newest hundred, oldest of them first."""
    async with deps.db.connection() as tx:
        found = await mail.list_mails(tx, 100)
    return [opened for one in found if (opened := sealing.opened(deps.settings, one))]
