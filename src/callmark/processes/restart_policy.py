"""Keeps one unit running: notices that it ended or does not respond, says so, starts it again with growing pauses.

One part's crashes never stop the others: what keeps ending is tried again and again, and `/readyz` says so meanwhile.
"""

import asyncio
from collections.abc import Callable

import msgspec
import structlog
from msgspec import Struct

from callmark.kit.errors import SetupError
from callmark.kit.system_errors import shortage
from callmark.kit.tasks import end
from callmark.processes.board import Board
from callmark.processes.process_specs import CannotAskError, Unit, how_it_ended

log = structlog.get_logger(__name__)

STEADY_AFTER_S = 60.0
"""A unit that ran this long is taken to be well: the pauses begin again."""

MANY = 5
"""After this many ends in a row, someone should look."""

ANSWER_WITHIN_S = 2.0
MOST_SILENT = 4
"""Checks in a row without an answer after which a unit is taken not to respond, if they took `Pace.silent_for_s`.

One that was sent SIGTERM by someone else refuses connections while it ends its requests, for less than that.
"""

NOTE_EVERY_S = 20.0
"""How often a start that has not ended is noted."""


class Pace(Struct, frozen=True):
    """Seconds: before a start, growing from the first pause to the longest, and between looks (soon: after trouble).

    A unit that does not answer for `silent_for_s` does not respond.
    """

    first_pause_s: float = 0.1
    longest_pause_s: float = 15.0
    look_every_s: float = 1.0
    look_soon_s: float = 0.2
    silent_for_s: float = 12.0

    def pause_s(self, ends: int) -> float:
        """The pause before a unit starts again that has ended for the `ends`-th time (from 1) in a row."""
        return min(self.first_pause_s * 2 ** (min(ends, 50) - 1), self.longest_pause_s)


_PACE = Pace()
_NO_ANSWER = (OSError, msgspec.DecodeError, ValueError, EOFError)
Report = Callable[[str], None]
"""Gets a sentence for the person at the terminal."""


async def keep(
    unit: Unit,
    report: Report,
    board: Board,
    *,
    failed: str = "",
    on_start: Callable[[], object] = lambda: None,
    pace: Pace = _PACE,
) -> None:
    """Watches a started unit, or one whose first start `failed`, without end. `on_start` follows each start here."""
    loop = asyncio.get_running_loop()
    ends = 0
    board.count_restarts(unit.name, 0)
    while True:
        began = loop.time()
        how = failed or await _end_of(unit, board, pace)
        failed = ""
        if loop.time() - began > STEADY_AFTER_S:
            ends = 0
        while how:
            ends += 1
            _tell(unit, how, ends, report, board)
            await asyncio.sleep(pace.pause_s(ends))
            how = await _try_start(unit, board)
        board.count_restarts(unit.name, 1)
        await note(unit, board)
        _announce(unit, on_start)
        log.warning("unit_back", unit=unit.name, pid=unit.pid)
        report(f"{unit.name} is back")


async def note(unit: Unit, board: Board) -> bool:
    """Notes what a running unit says of its parts. False when it does not answer in time, which is noted too.

    That it could not be asked is noted as well, and says nothing of the unit: this process may lack files or threads.
    """
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            troubles = await unit.look()
    except CannotAskError as exc:
        board.say(unit.name, f"cannot be asked: {exc}")
        return True
    except Exception as exc:
        if why := shortage(exc):
            board.say(unit.name, f"cannot be asked: {why}")
            return True
        if not isinstance(exc, _NO_ANSWER):  # nothing may end the watch
            log.exception("unit_not_asked", unit=unit.name)
            board.say(unit.name, f"cannot be asked: {exc!r}")
            return True
        board.say(unit.name, "does not answer")
        return False
    board.say(unit.name, "; ".join(f"{part}: {why}" for part, why in troubles.items()))
    return True


def _tell(unit: Unit, how: str, ends: int, report: Report, board: Board) -> None:
    often = f", {ends} times in a row" if ends >= MANY else ""
    board.say(unit.name, f"ended ({how}){often}; restarting")
    log.error("unit_keeps_ending" if often else "unit_ended", unit=unit.name, how=how, crashes=ends)
    report(f"{unit.name} ended unexpectedly ({how}){often}; restarting it")


async def _try_start(unit: Unit, board: Board) -> str:
    """How it failed; empty when it runs."""
    noting = asyncio.create_task(_note_start(unit, board))
    try:
        await unit.start()
    except (SetupError, OSError) as exc:
        return str(exc)
    except Exception as exc:  # nothing may end the keeper
        log.exception("unit_not_started", unit=unit.name)
        return repr(exc)
    finally:
        await end([noting])
    return ""


async def _note_start(unit: Unit, board: Board) -> None:
    """Repeats what is noted: a database may recover for a long time, and is looked after meanwhile."""
    while True:
        await asyncio.sleep(NOTE_EVERY_S)
        board.say(unit.name, board.says(unit.name))


def _announce(unit: Unit, on_start: Callable[[], object]) -> None:
    """Calls `on_start`. On a full disk it fails, as a rule; what others read then is from the start before."""
    try:
        on_start()
    except Exception:  # nothing may end the keeper
        log.exception("start_not_announced", unit=unit.name)


async def _end_of(unit: Unit, board: Board, pace: Pace) -> str:
    """How it ended, once it has; it is killed when it does not respond."""
    watching = asyncio.create_task(_watch(unit, board, pace))
    try:
        return how_it_ended(await unit.wait())
    finally:
        await end([watching])


async def _watch(unit: Unit, board: Board, pace: Pace) -> None:
    loop = asyncio.get_running_loop()
    silent, heard_at = 0, loop.time()
    while silent < MOST_SILENT or loop.time() - heard_at < pace.silent_for_s:
        if await note(unit, board):
            silent, heard_at = 0, loop.time()
        else:
            silent += 1
        await asyncio.sleep(pace.look_soon_s if board.says(unit.name) else pace.look_every_s)
    log.error("unit_hangs", unit=unit.name, pid=unit.pid)
    await unit.stop(0)
