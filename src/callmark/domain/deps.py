"""What every use case may use, built once per process in `callmark.processes.compose`."""

from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

from msgspec import Struct, field

from callmark.domain.work_names import WorkName
from callmark.kit.clock import Clock, ProductClock
from callmark.kit.clock_watch import OneOrder
from callmark.kit.fabric.client import Fabric
from callmark.kit.health import Health
from callmark.kit.postgres.database import Database, Transaction
from callmark.kit.postgres.partitions import RowsAhead
from callmark.kit.postgres.statement_batcher import StatementBatcher
from callmark.kit.settings import Settings
from callmark.kit.short_memory import ShortMemory
from callmark.kit.work import wake_topic

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Deps(Struct, frozen=True):
    """The engines, clocks and settings of one process. `clock` is the product's, `real_clock` the machine's."""

    settings: Settings
    db: Database
    fabric: Fabric
    gather: StatementBatcher
    clock: Clock
    real_clock: Clock
    public_url: str
    """Where clients reach this installation, without a slash at the end; logos are addressed under it."""

    health: Health = field(default_factory=Health)
    """Whether the parts of this process do their work."""

    memory: ShortMemory = field(default_factory=ShortMemory)
    """What this process need not ask for again each time."""

    ahead: RowsAhead = field(default_factory=RowsAhead)
    """What this process has accepted of days that may not be made yet."""

    order: OneOrder = field(default_factory=OneOrder)
    """In which all processes accept records, whatever their machines' clocks say."""

    def accepted_now(self) -> datetime:
        """The instant of something that is accepted now, where the newest counts; a moved clock's is as it is."""
        now = self.clock.now()
        return now if self.is_clock_moved else self.order.at(now)

    def database_now(self) -> datetime:
        """The present by the database's clock: one for all processes, whatever their machines' clocks say."""
        return self.health.database_now(self.real_clock)

    @property
    def is_clock_moved(self) -> bool:
        """Whether the product's clock is not the real one: the emulator moves it, and tests have one of their own."""
        return not isinstance(self.clock, ProductClock) or bool(self.clock.offset)

    async def wake(self, *works: WorkName) -> None:
        """Wakes the workers that do this work. A hint, since they also poll; for after the commit."""
        for work in works:
            await self.fabric.announce(wake_topic(work))


def in_own_transaction(
    use_case: Callable[Concatenate[Transaction, Deps, _P], Awaitable[_T]], *, tries: int = 1
) -> Callable[Concatenate[Deps, _P], Coroutine[Any, Any, _T]]:
    """A use case that takes a transaction (`create_x_in`) as one that opens its own; `tries` as in `Database`."""

    async def whole(deps: Deps, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await deps.db.in_transaction(lambda tx: use_case(tx, deps, *args, **kwargs), tries=tries)

    return whole
