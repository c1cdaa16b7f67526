"""Seals the audit log, verifies it, and prunes what is older than it is kept.

Entries are written without their seals, so that no change waits for another one's commit. A periodic job seals what
has been committed, a few seconds later and in small transactions of its own.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from callmark.domain.audit import chain, chain_queries, service
from callmark.domain.audit.chain import START, AuditSeal, AuditVerification, ChainReader
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.kit.checks import CheckResult
from callmark.kit.postgres.database import Tx
from callmark.kit.postgres.piecewise import PIECE

log = structlog.get_logger(__name__)

SEALED_WITHIN = timedelta(minutes=1)
"""An entry that has no seal after this time is reported: nothing seals, or someone took its seal away."""
_STEP = 500
_PAGE = 2000


async def seal_entries(deps: Deps) -> int:
    """Seals every entry that has no seal yet; how many. Safe to repeat and to run by many at once."""
    total = 0
    while count := await _seal_step(deps):
        total += count
    return total


async def _seal_step(deps: Deps) -> int:
    async with deps.db.transaction() as tx:
        before = await chain_queries.lock_head(tx)
        sealed = list(chain.seal_all(before, await chain_queries.select_unsealed(tx, _STEP)))
        if sealed:
            await chain_queries.update_sealed(tx, sealed, sealed[-1][2], deps.clock.now())
        return len(sealed)


async def newest_seal(deps: Deps) -> AuditSeal:
    """The seal that stands for every entry so far, all of which are sealed before."""
    await seal_entries(deps)
    async with deps.db.connection() as tx:
        return await chain_queries.select_head(tx)


async def verify(deps: Deps, anchors: Sequence[AuditSeal] = ()) -> AuditVerification:
    """Computes every seal again and compares; `anchors` are seals that were kept elsewhere.

    Everything is as of one moment, while the log grows.
    """
    async with deps.db.transaction() as tx:
        await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        head, checkpoint = await chain_queries.select_head(tx), await chain_queries.select_checkpoint(tx)
        reader, after = ChainReader(checkpoint, head, anchors), -1
        while page := await chain_queries.select_sealed(tx, after, _PAGE):
            for one in page:
                reader.read(one)
            after = page[-1].seal.number
        for entry in await chain_queries.select_unsealed_erasures(tx):
            reader.hear(entry)
        found = reader.ended(await chain_queries.select_in_erasure(tx))
        found.unsealed, old = await chain_queries.count_unsealed(tx, deps.clock.now() - SEALED_WITHIN)
    if old:
        found.fault(head.number, None, f"{old} entries are older than a minute and have no seal")
    return found


async def prune(deps: Deps) -> int:
    """Deletes what is older than the log is kept, and keeps the last seal of it; how many. Safe to repeat.

    Only the beginning of the chain goes, so an entry stays while a younger one stands before it. No entry is younger
    than its seal, whatever a clock that was ahead wrote into it. What is said of pruning is sealed before. Each piece
    leaves a chain that can be verified, with an entry that says what was deleted.
    """
    days = deps.settings.audit_retention_days
    if not days:
        return 0
    await seal_entries(deps)
    count, gone = 0, PIECE
    while gone == PIECE:
        gone = await _prune_piece(deps, timedelta(days=days))
        count += gone
    await seal_entries(deps)
    return count


async def _prune_piece(deps: Deps, kept: timedelta) -> int:
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        await chain_queries.lock_head(tx)
        up_to = await chain_queries.select_last_older(tx, now - kept, PIECE)
        if up_to == START:
            return 0
        count = await chain_queries.prune(tx, up_to, now)
        facts = {**chain.facts_of(up_to), "entries": count}
        await service.note(tx, SYSTEM, AuditAction.AUDIT_PRUNED, "the audit log", account_id=None, at=now, **facts)
    log.info("audit_pruned", entries=count, number=up_to.number)
    return count


async def check(tx: Tx, now: datetime) -> CheckResult:
    """Whether entries are sealed in time."""
    head = await chain_queries.select_head(tx)
    _, old = await chain_queries.count_unsealed(tx, now - SEALED_WITHIN)
    if old:
        advice = "Start a worker. If one runs, see its log; `callmark audit verify` says more."
        return CheckResult("audit log", ok=False, detail=f"{old} entries have no seal", advice=advice)
    return CheckResult("audit log", ok=True, detail=f"sealed up to entry {head.number}")
