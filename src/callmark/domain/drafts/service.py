"""Use cases of files that are previewed. A draft belongs to its account; whoever uses it takes it away, once."""

from collections.abc import Mapping
from uuid import UUID

from callmark.domain.deps import Deps
from callmark.domain.drafts import queries
from callmark.domain.drafts.model import KEPT_FOR, MOST_KEPT, FileDraft, Purpose
from callmark.domain.ids import AccountId, FileDraftId
from callmark.kit.db import Tx
from callmark.kit.errors import Conflict, NotFound
from callmark.kit.ids import new_id

_LONGEST_NAME = 200


async def keep_draft(
    deps: Deps,
    account_id: AccountId,
    purpose: Purpose,
    *,
    file_name: str,
    content: bytes,
    choices: Mapping[str, str],
    email: str,
    subject_id: UUID | None = None,
) -> FileDraft:
    """The draft, once it is written. The account's oldest goes when there are more than `MOST_KEPT`."""
    name = "".join(one for one in file_name if one.isprintable()).strip()[:_LONGEST_NAME]
    draft = FileDraft(
        FileDraftId(new_id()),
        account_id,
        purpose,
        subject_id,
        name or "file",
        content,
        choices,
        email,
        deps.clock.now(),
    )
    async with deps.db.transaction() as tx:
        await queries.insert_draft(tx, draft)
        await queries.delete_oldest(tx, account_id, MOST_KEPT)
    return draft


async def get_draft(
    deps: Deps, account_id: AccountId, draft_id: UUID, purpose: Purpose, subject_id: UUID | None = None
) -> FileDraft:
    """The account's draft. Raises NotFound, also when it was used or a day has passed."""
    async with deps.db.connection() as tx:
        found = await queries.select_draft(tx, account_id, draft_id, purpose, subject_id)
    if found is None or found.created_at < deps.clock.now() - KEPT_FOR:
        raise NotFound("this preview does not exist; it was already used, or it is more than a day old")
    return found


async def choose(deps: Deps, draft: FileDraft, choices: Mapping[str, str]) -> None:
    """Keeps what was chosen. Raises NotFound when the draft is gone."""
    async with deps.db.connection() as tx:
        if not await queries.update_choices(tx, draft.id, choices):
            raise NotFound


async def take_draft(tx: Tx, draft: FileDraft) -> None:
    """Takes the draft away in the transaction that uses it. Raises Conflict when it was used meanwhile."""
    if not await queries.delete_draft(tx, draft.id):
        raise Conflict("this file was already used or discarded")


async def give_up(deps: Deps, draft: FileDraft) -> None:
    """Forgets the draft."""
    async with deps.db.connection() as tx:
        await queries.delete_draft(tx, draft.id)


async def forget_old_drafts(deps: Deps) -> None:
    """Forgets drafts that nobody used."""
    async with deps.db.connection() as tx:
        await queries.delete_before(tx, deps.clock.now() - KEPT_FOR)
