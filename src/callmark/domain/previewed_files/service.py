"""Use cases of files that are previewed. A file belongs to its account and is used once."""

from collections.abc import Mapping
from uuid import UUID

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, PreviewedFileId
from callmark.domain.policy.model import Actor
from callmark.domain.previewed_files import queries
from callmark.domain.previewed_files.model import KEPT_FOR, MOST_KEPT, FilePurpose, PreviewedFile
from callmark.kit.errors import Conflict, NotFound
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx

_LONGEST_NAME = 200


async def keep_file(
    deps: Deps,
    account_id: AccountId,
    purpose: FilePurpose,
    *,
    file_name: str,
    content: bytes,
    choices: Mapping[str, str],
    by: Actor,
    subject_id: UUID | None = None,
) -> PreviewedFile:
    """The file, once it is written. The account's oldest of this purpose goes when there are more than `MOST_KEPT`."""
    name = "".join(one for one in file_name if one.isprintable()).strip()[:_LONGEST_NAME]
    file = PreviewedFile(
        PreviewedFileId(new_id()),
        account_id,
        purpose,
        subject_id,
        name or "file",
        content,
        choices,
        by.email,
        deps.clock.now(),
    )
    async with deps.db.transaction() as tx:
        await queries.insert_file(tx, file)
        await queries.delete_oldest(tx, account_id, purpose, MOST_KEPT)
    return file


async def get_file(
    deps: Deps, account_id: AccountId, file_id: UUID, purpose: FilePurpose, subject_id: UUID | None = None
) -> PreviewedFile:
    """The account's file. Raises NotFound, also when it was used, a day has passed or newer ones took its place."""
    async with deps.db.connection() as tx:
        found = await queries.select_file(tx, account_id, file_id, purpose, subject_id)
    if found is None or found.created_at < deps.clock.now() - KEPT_FOR:
        raise NotFound(
            "this preview is gone: it was used or discarded, it is more than a day old, or newer ones took its place"
        )
    return found


async def update_choices(deps: Deps, file: PreviewedFile, choices: Mapping[str, str]) -> None:
    """Keeps what was chosen. Raises NotFound when the file is gone."""
    async with deps.db.connection() as tx:
        if not await queries.update_choices(tx, file.id, choices):
            raise NotFound


async def take_file(tx: Tx, file: PreviewedFile) -> None:
    """Takes the file away in the transaction that uses it. Raises Conflict when it was used meanwhile."""
    if not await queries.delete_file(tx, file.id):
        raise Conflict("this file was already used or discarded")


async def discard_file(deps: Deps, file: PreviewedFile) -> None:
    """Forgets the file."""
    async with deps.db.connection() as tx:
        await queries.delete_file(tx, file.id)
