"""Background steps of log downloads."""

from callmark.domain.deps import Deps
from callmark.domain.log_downloads import queries
from callmark.domain.log_downloads.model import FOLDER, parse_name
from callmark.kit.object_store import files_of


async def forget_old_files(deps: Deps) -> int:
    """Removes the files that nobody may read now, and says how many. Safe to repeat.

    These are the files whose links ended an hour ago or earlier, and those from before the newest erasure: it deletes
    what exists when it begins, but not a file that was being written then, nor one on another host. Files with
    names that we do not give stay: the bucket may have them from another program.
    """
    files, now = files_of(deps.settings), deps.clock.now()
    async with deps.db.connection() as tx:
        erasures = await queries.count_erasures(tx)
    named = {name: parse_name(name) for name in await files.sizes(FOLDER)}
    old = [name for name, known in named.items() if known and known.is_old(now, erasures)]
    files.sweep(deps.real_clock.now())
    await files.delete(old)
    return len(old)


async def delete_every_file(deps: Deps) -> None:
    """Removes every file of ours that this host can reach; one that is still wanted is written again."""
    files = files_of(deps.settings)
    await files.delete([name for name in await files.sizes(FOLDER) if parse_name(name)])
