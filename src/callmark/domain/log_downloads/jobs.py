"""Background steps of log downloads."""

from callmark.domain.deps import Deps
from callmark.domain.log_downloads.model import FOLDER, is_old
from callmark.kit.object_store import files_of


async def forget_old_files(deps: Deps) -> int:
    """Removes the files whose links have ended an hour ago or earlier, and says how many. Safe to repeat."""
    files, now = files_of(deps.settings), deps.clock.now()
    old = [name for name in await files.names(FOLDER) if is_old(name, now)]
    await files.delete(old)
    files.sweep(deps.real_clock.now())
    return len(old)
