"""A primary and its synchronous standby: every connection is to the one that takes writes, whichever that is."""

import asyncio
import shutil
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from tests.e2e.serving import tree
from tests.support.engines import Engines
from tests.support.first_starts import FirstStarts
from tests.support.opened_deps import PATIENT_S
from tests.support.postgres_pair import PostgresPair, PostgresServer, postgres_pair
from tests.support.stopped_processes import suspended
from tests.support.waiting import patiently, until
from tests.support.way_to_postgres import pass_on

from callmark.kit import patience
from callmark.kit.engines.data_directory import SOCKET_NAME
from callmark.kit.errors import Unavailable
from callmark.kit.postgres import database as pool, places, primary as choice
from callmark.kit.postgres.database import Database, Transaction, connect, own_names
from callmark.kit.postgres.dsn import Host, PostgresDsn
from callmark.kit.postgres.kept_connections import KeptConnections
from callmark.kit.postgres.primary import Primary, hosts_of, with_host

_PORT = "SELECT current_setting('port')::integer"


@pytest.mark.parametrize(
    ("dsn", "hosts"),
    [
        ("postgresql://u:p@a:5433,b/db", [Host("a", 5433), Host("b", 5432)]),
        (
            "postgresql://u@a,b:6000,[::1]:7000/db?sslmode=require",
            [Host("a", 5432), Host("b", 6000), Host("::1", 7000)],
        ),
        ("postgresql:///db?host=a,b&port=1,2", [Host("a", 1), Host("b", 2)]),
        ("postgresql://u@a,b/db?port=9", [Host("a", 9), Host("b", 9)]),
        ("postgresql://u@/db?host=/run/one,/run/two", [Host("/run/one", 5432), Host("/run/two", 5432)]),
        ("postgresql:///db", []),
    ],
)
def test_hosts_are_read_as_libpq_reads_them(dsn: str, hosts: list[Host]) -> None:
    assert hosts_of(dsn) == hosts
    assert [hosts_of(with_host(dsn, host)) for host in hosts] == [[host] for host in hosts]


async def test_one_of_several_hosts_may_be_an_address_of_ipv6(engines: Engines) -> None:
    own = PostgresDsn.parse(engines.dsn)
    (here,) = own.each_host()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_there, to_there = await asyncio.open_unix_connection(Path(here.name) / SOCKET_NAME)
        await asyncio.gather(pass_on(reader, to_there), pass_on(from_there, writer))

    try:
        listening = await asyncio.start_server(relay, "::1", 0)
    except OSError as exc:
        pytest.skip(f"this machine has no IPv6: {exc}")
    async with listening:
        hosts = f"127.0.0.1:1,[::1]:{listening.sockets[0].getsockname()[1]}"
        made = await Primary(str(own._replace(hosts=hosts, query="sslmode=disable"))).connect()
        assert await made.fetchval("SELECT current_database()") == own.path.removeprefix("/")
        await made.close()


@pytest.mark.parametrize("dsn", ["postgresql://a,b/db?port=1,2,3", "postgresql://a:x,b/db", "postgresql://[x],b/db"])
def test_hosts_that_cannot_be_meant_are_refused(dsn: str) -> None:
    with pytest.raises(asyncpg.ClientConfigurationError):
        hosts_of(dsn)


async def test_a_dsn_that_is_read_again_leads_to_no_other_database(engines: Engines) -> None:
    own = PostgresDsn.parse(engines.dsn)
    refused, other = str(own._replace(user="callmark:wrong")), str(own._replace(path="/postgres"))
    with pytest.raises(asyncpg.InvalidPasswordError):
        await Primary(refused, lambda: other).connect()
    await (await Primary(refused, lambda: engines.dsn).connect()).close()


@contextmanager
def patient_choice() -> Generator[None]:
    """Where every server that runs answers: it may take its time, on a machine that is busy with other tests."""
    with pytest.MonkeyPatch.context() as patched:
        for bound in ("CONNECT_WITHIN_S", "ANSWER_WITHIN_S", "OTHERS_WITHIN_S"):
            patched.setattr(choice, bound, 30)
        yield


@pytest.fixture
async def pair(first_starts: FirstStarts) -> AsyncGenerator[PostgresPair]:
    async with postgres_pair(first_starts) as started:
        yield started


async def test_without_a_primary_each_is_named_and_a_promotion_that_did_not_happen_is_a_failure(
    pair: PostgresPair,
) -> None:
    standby = await asyncpg.connect(pair.standby.dsn)
    startup = await standby.fetchval("SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'")
    await standby.close()
    await pair.primary.kill(signal.SIGINT)
    with patient_choice(), pytest.raises(Unavailable) as caught:
        async with connect(pair.dsn, within=timedelta(seconds=60)):
            pass
    assert f"{pair.standby.port}: takes no writes" in caught.value.reason
    assert f"{pair.primary.port}: " in caught.value.reason
    with suspended([startup]):
        status, text = await pair.standby.ask_to_promote("1")
    assert status != 0
    assert "still a standby" in text
    assert "promoted" not in text.replace("not promote", "")


async def test_a_process_follows_the_primary_and_never_goes_back_to_one_that_was_replaced(
    pair: PostgresPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "STATEMENT_TIMEOUT_S", 600)  # the statement under way ends because it is cut
    monkeypatch.setattr(places, "AT_MOST_S", 600)  # and what the old server has not ended is no longer counted
    first, second = pair.primary, pair.standby
    primary = Primary(pair.dsn)
    db = await Database.open(pair.dsn, size=4, primary=primary, connected_within_s=PATIENT_S)
    one = await Database.open(pair.dsn, size=1, primary=primary, connected_within_s=PATIENT_S)
    kept = KeptConnections(pair.dsn, size=2, name="kept", primary=primary, connected_within_s=PATIENT_S)
    with patient_choice():
        assert await _where(db) == await _where(one) == await _where_kept(kept) == first.port
    async with db.transaction() as tx:
        await tx.execute("CREATE TABLE accepted (id integer)")
    under_way, go = asyncio.Event(), asyncio.Event()
    waiting = asyncio.create_task(_insert(db, 1, under_way, go))
    await under_way.wait()
    with suspended(tree(first.pid)):  # new connections still get through to its host, and no answer comes
        go.set()
        with pytest.raises(Unavailable), patience.of(total_s=1):
            await _where(one)
        await second.promote()
        await _follows(one, second)
        await _follows(db, second)
        assert await patiently(lambda: _where_kept(kept)) == second.port
        with pytest.raises(Unavailable):
            await asyncio.wait_for(waiting, 30)
        with patient_choice():  # of the pool's connections some are cut
            await _insert(db, 2, asyncio.Event(), go)
    # The old one goes on, takes writes again, and stands before no other.
    async with connect(first.dsn) as old:
        assert not await old.fetchval("SELECT pg_is_in_recovery()")
    db_of_a_new_process = await Database.open(pair.dsn, size=1, connected_within_s=PATIENT_S)
    with patient_choice():
        assert await _where(db) == await _where_kept(kept) == await _where(db_of_a_new_process) == second.port
    await _misses_and_follows(db, second)
    async with db.connection() as tx:
        assert [row["id"] for row in await tx.fetch("SELECT id FROM accepted")] == [2]
    await _follows_another_cluster(db, second, first)
    await asyncio.gather(*(each.close() for each in (db, one, db_of_a_new_process, kept)))


async def _misses_and_follows(db: Database, server: PostgresServer) -> None:
    """While it is away nothing is read: rather that than an old state."""
    await server.kill()
    with pytest.raises(Unavailable):
        await _where(db)
    await server.start()
    await _follows(db, server)


async def _follows_another_cluster(db: Database, old: PostgresServer, new: PostgresServer) -> None:
    """As pg_upgrade leaves one: its timeline is 1 again. What it replaced stays replaced."""
    await asyncio.gather(old.kill(), new.kill())
    shutil.rmtree(new.data)
    await new.make()
    await new.start()
    await _follows(db, new)
    await new.kill()
    await old.start()
    with patient_choice(), pytest.raises(Unavailable, check=lambda exc: "was replaced by" in exc.reason):
        await _where(db)


async def _insert(db: Database, number: int, under_way: asyncio.Event, go: asyncio.Event) -> None:
    async with db.transaction() as tx:
        under_way.set()
        await go.wait()
        await tx.execute("INSERT INTO accepted VALUES ($1)", number)


async def _where(db: Database) -> int:
    async with db.connection() as tx:
        return await tx.fetchval(_PORT)


async def _where_kept(kept: KeptConnections) -> int:
    async with kept.connection() as tx:
        return await tx.fetchval(_PORT)


async def _follows(db: Database, server: PostgresServer) -> None:
    async def is_there() -> bool:
        try:
            with patience.of(total_s=2):
                return await _where(db) == server.port
        except Unavailable:
            return False

    await until(is_there)


async def test_a_server_that_became_read_only_loses_every_connection(engines: Engines) -> None:
    db = await Database.open(engines.dsn, size=2, connected_within_s=PATIENT_S)
    async with db.transaction() as one, db.transaction() as other:
        pids = {await _pid(one), await _pid(other)}
    async with db.connection() as tx:
        await tx.execute("SET default_transaction_read_only = on")
    with pytest.raises(Unavailable) as caught:
        async with db.transaction() as tx:
            await tx.execute("CREATE TABLE never (id integer)")
    assert "read-only" in caught.value.reason
    async with db.transaction() as one, db.transaction() as other:
        assert not pids & {await _pid(one), await _pid(other)}
        await one.execute("CREATE TABLE now (id integer)")
    await db.close()


async def _pid(tx: Transaction) -> int:
    return await tx.fetchval("SELECT pg_backend_pid()")


async def test_a_server_that_takes_no_writes_is_not_connected_to(engines: Engines) -> None:
    async with connect(engines.dsn) as tx:
        name = await tx.fetchval("SELECT current_database()")
        await tx.execute(own_names(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    with pytest.raises(Unavailable):
        async with connect(engines.dsn, within=timedelta(seconds=2)):
            pass
