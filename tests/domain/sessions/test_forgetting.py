"""What is over is forgotten by a job that waits for nobody: who holds rows may wait for one that the job deletes."""

import asyncio
from datetime import timedelta

from tests.support.fake_clock import FakeClock
from tests.surfaces.console.browser import invite_token

from callmark.domain.accounts import service as accounts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.ids import MemberId
from callmark.domain.members import service as members
from callmark.domain.operators import service as operators
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.sessions import handovers, queries, service as sessions
from callmark.domain.sessions.known_browsers import service as known_browsers
from callmark.domain.sessions.model import Origin, Person
from callmark.domain.sessions.throttle import service as throttle
from callmark.kit.ids import sha256
from callmark.kit.postgres.database import Tx, own_names

ORIGIN = Origin("203.0.113.9", "")
TABLES = ("console_session", "mailed_link", "sign_in_code", "known_device", "handed_over", "known_browser", "throttle")
OF_EACH = (*TABLES[1:], *(f"console_session WHERE acting_account_id IS {what}" for what in ("NULL", "NOT NULL")))


async def leave_behind(deps: Deps, tx: Tx, member_id: MemberId, name: str) -> None:
    """A row of a member in each of the tables, but for its session and its link."""
    now, digest = deps.clock.now(), sha256(name)
    await queries.replace_code(tx, digest, member_id, digest, 5, now)
    await queries.insert_device(tx, digest, member_id, now)
    await known_browsers.remember(deps, tx, Person(member_id=member_id), "")
    await handovers.hand_to_person(deps, Person(), "form", b"")
    await throttle.take(deps, throttle.MAIL, name)


async def counts(tx: Tx) -> dict[str, int]:
    return {table: await tx.fetchval(own_names(f"SELECT count(*) FROM {table}")) for table in TABLES}


async def test_what_is_over_is_forgotten_beside_rows_that_others_hold_and_those_the_next_time(
    deps: Deps, clock: FakeClock
) -> None:
    acme = await accounts.create_account(deps, "Acme", by=SYSTEM)
    olive = await operators.create_operator(
        deps, by=SYSTEM, email="olive@operator.example", name="", password="four unrelated words"
    )
    for name in ("nina", "mark"):
        one = await members.create_without_rules(
            deps, acme.id, email=f"{name}@acme.example", name=name, role=Role.ADMIN, by=SYSTEM
        )
        await invite_token(deps, one)
        async with deps.db.transaction() as tx:
            await leave_behind(deps, tx, one.id, name)
            await sessions.begin_session(deps, tx, one.person, ORIGIN)
            token = await sessions.begin_session(deps, tx, Person(operator_id=olive.id), ORIGIN)
        session = await sessions.find_session(deps, token)
        assert session
        await operators.act_for(deps, session, acme.id, by=SYSTEM)
    clock.advance(timedelta(days=200))
    async with deps.db.transaction() as tx:
        assert await counts(tx) == dict.fromkeys(TABLES, 2) | {"console_session": 4}
        for rows in OF_EACH:
            await tx.execute(own_names(f"SELECT FROM {rows} LIMIT 1 FOR UPDATE"))
        async with asyncio.timeout(30):
            await sessions.forget_dead(deps)
        assert await counts(tx) == dict.fromkeys(TABLES, 1) | {"console_session": 2}
    await sessions.forget_dead(deps)
    async with deps.db.connection() as tx:
        assert await counts(tx) == dict.fromkeys(TABLES, 0)
    stopped = await audit.list_entries(deps, acme.id, AuditFilter(action="operator.stopped"))
    assert len(stopped) == 2
