"""`callmark doctor` in each broken state: the sentence, the remedy, the exit status."""

import asyncio
import re
import shutil
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import LiteralString

import pytest
from aiohttp import web
from tests.kit.outbound.mailing import mail_server
from tests.processes.doctor import Doctor, execute, serving
from tests.support.certificates import certificate
from tests.support.engines import SECRET_KEY, Engines, reachable_directory
from tests.support.pooler import pooled_by_transactions
from tests.support.waiting import until
from tests.surfaces.live_processes import living

from callmark.domain.deps import Deps
from callmark.domain.persons.model import KnownErasure
from callmark.domain.persons.service import sql_again
from callmark.kit.clock import SystemClock
from callmark.kit.engines.binaries import ENVIRONMENT, find_nats
from callmark.kit.engines.child import spawn
from callmark.kit.ids import new_id
from callmark.kit.ports import free_port
from callmark.kit.postgres.database import own_names
from callmark.kit.postgres.migrate import head, needed
from callmark.kit.secret_key import set_key
from callmark.kit.settings import Secret
from callmark.surfaces import assets


def database(engines: Engines) -> LiteralString:
    return own_names(engines.dsn.partition("@/")[2].partition("?")[0])


async def test_nothing_is_wrong_where_nothing_is(doctor: Doctor) -> None:
    found = await doctor.examine()
    assert all(one.ok for one in found.values()), found
    assert {
        "settings",
        "static files",
        "time zones",
        "postgresql",
        "database locale",
        "schema",
        "nats",
        "object store",
        "port",
    } <= found.keys()


# settings and files --------------------------------------------------------------------------------------------------


async def test_a_setting_that_cannot_be(doctor: Doctor) -> None:
    wrong = await doctor.problem(pool_size="many")
    assert wrong.name == "settings"
    assert "CALLMARK_POOL_SIZE" in wrong.detail
    assert wrong.advice == "Correct or unset that variable."


async def test_files_of_the_pages_are_missing(doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of links: tests beside this one serve the real files."""
    missing = assets.BROUGHT_IN[0]
    _link_but(assets.FOLDER, tmp_path / "static", Path(missing).parts)
    monkeypatch.setattr(assets, "FOLDER", tmp_path / "static")
    wrong = await doctor.problem()
    assert (wrong.name, wrong.detail) == ("static files", f"missing: {missing}")
    assert "make assets" in wrong.advice


def _link_but(folder: Path, made: Path, missing: Sequence[str]) -> None:
    """Makes a folder of links to what is in `folder`, but for the file of that path."""
    made.mkdir()
    for path in folder.iterdir():
        if path.name != missing[0]:
            (made / path.name).symlink_to(path)
        elif missing[1:]:
            _link_but(path, made / path.name, missing[1:])


async def test_a_port_that_someone_else_has(doctor: Doctor) -> None:
    async def welcome(_: web.Request) -> web.Response:
        return web.Response(text="Welcome to another program")

    async with serving("/healthz", welcome) as port:
        wrong = await doctor.problem(port=str(port))
    assert wrong.name == "port"
    assert f"port {port} of 127.0.0.1" in wrong.detail
    assert re.match(r"Stop what listens there\. .*--port", wrong.advice)
    assert (await doctor.problem(host="192.0.2.1")).advice.startswith("This machine does not have that address: name")


async def test_a_port_on_which_callmark_answers_is_as_it_should_be(doctor: Doctor) -> None:
    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async with serving("/healthz", healthz) as port:
        assert (await doctor.examine(port=str(port)))["port"].ok


async def test_parts_that_do_not_work_are_named_with_engines_of_ones_own_where_the_admin_port_is_set(
    doctor: Doctor,
) -> None:
    trouble = "the service account's file cannot be read"

    async def readyz(_: web.Request) -> web.Response:
        checks = [{"name": "postgresql", "ok": True}, {"name": "push service", "ok": False, "reason": trouble}]
        return web.json_response({"ready": True, "checks": checks})

    async with serving("/readyz/all", readyz) as port:
        wrong = await doctor.problem(admin_port=str(port))
    assert (wrong.name, wrong.detail) == ("push service", trouble)
    found = await doctor.examine(admin_port=str(port))  # nothing listens there now
    assert found["port"].ok
    assert (found["parts"].checked, found["parts"].ok) == (False, True)
    assert f"nothing answers on the admin port, http://127.0.0.1:{port}" in found["parts"].detail
    assert "CALLMARK_ADMIN_PORT" in found["parts"].advice


def embedded(doctor: Doctor) -> Doctor:
    """Of an installation that would start its own engines."""
    named = {"CALLMARK_POSTGRES_DSN", "CALLMARK_NATS_URL"}
    return Doctor({name: value for name, value in doctor.variables.items() if name not in named})


async def test_a_data_directory_on_a_disk_that_is_full_and_takes_no_file(doctor: Doctor) -> None:
    found = await embedded(doctor).examine(data="/proc/callmark")  # a file system without room that nobody can write to
    assert (found["disk"].ok, found["data directory"].ok) == (False, False)
    assert found["disk"].detail == "0.0 GiB free at /proc"
    assert "at least 2 GiB" in found["disk"].advice
    assert found["data directory"].detail.startswith("/proc is not writable: ")
    assert "--data" in found["data directory"].advice


async def test_a_data_directory_that_a_start_would_refuse(doctor: Doctor, tmp_path: Path) -> None:
    place = tmp_path / "volume; OLD"
    (place / "lost+found").mkdir(parents=True)
    place.chmod(0o700)
    assert (await embedded(doctor).examine(data=str(place)))["data directory"].ok
    (place / "nats").mkdir()
    found = (await embedded(doctor).examine(data=str(place)))["data directory"]
    assert (found.ok, found.detail) == (False, f"{place} contains other files (nats)")
    assert found.advice == "Choose an empty or new directory with --data."


# the secret key ------------------------------------------------------------------------------------------------------


async def marked(deps: Deps, key: str) -> None:
    """The installation's secrets are encrypted with that key."""
    async with deps.db.transaction() as tx:
        await set_key(tx, Secret(key), None)


async def test_a_secret_key_that_is_not_the_installations(doctor: Doctor, deps: Deps) -> None:
    await marked(deps, SECRET_KEY)
    assert (await doctor.examine())["secret key"].ok
    wrong = await doctor.problem(secret_key="another " * 4)
    assert (wrong.name, wrong.detail) == ("secret key", "another than the one that secrets were stored with")
    assert "CALLMARK_SECRET_KEY" in wrong.advice


async def test_a_secret_key_that_is_set_beside_the_installations_own(
    doctor: Doctor, deps: Deps, tmp_path: Path
) -> None:
    own, set_wrong = "one of its own" * 3, "another " * 4
    await marked(deps, own)
    (tmp_path / "secret-key").write_text(own)
    wrong = await doctor.problem(data=str(tmp_path), secret_key=set_wrong)
    assert "which is in the data directory" in wrong.detail
    assert wrong.advice.startswith("Unset it")  # and no word of a rotation to finish, which would take the wrong one
    assert (await doctor.problem(secret_key=set_wrong, old_secret_key=own)).advice.startswith("Run `callmark")


async def test_a_secret_key_that_is_missing(doctor: Doctor, deps: Deps) -> None:
    await marked(deps, SECRET_KEY)
    del doctor.variables["CALLMARK_SECRET_KEY"]
    wrong = await doctor.problem()
    assert (wrong.name, wrong.detail) == ("secret key", "not here")
    assert "callmark secret-key reset" in wrong.advice


async def test_secrets_that_the_key_does_not_open(doctor: Doctor, engines: Engines, deps: Deps) -> None:
    await marked(deps, SECRET_KEY)
    now = SystemClock().now()
    await execute(engines, sql_again([KnownErasure(new_id(), now, b"digest", b"of another key")], now))
    wrong = await doctor.problem()
    assert (wrong.name, wrong.detail) == ("secret key", "here, but 1 secrets do not open with it")
    assert "callmark secret-key rotate" in wrong.advice


# PostgreSQL ----------------------------------------------------------------------------------------------------------


async def test_postgresql_is_down(doctor: Doctor) -> None:
    wrong = await doctor.problem(postgres_dsn="postgresql://callmark@127.0.0.1:1/callmark")
    assert wrong.name == "postgresql"
    assert "Connect call failed" in wrong.detail
    assert wrong.advice == "Start the server, or correct CALLMARK_POSTGRES_DSN."


async def test_postgresql_refuses_the_password(doctor: Doctor, engines: Engines) -> None:
    password = engines.dsn.partition("://callmark:")[2].partition("@")[0]
    wrong = await doctor.problem(postgres_dsn=engines.dsn.replace(password, "wrong"))
    assert wrong.name == "postgresql"
    assert "password authentication failed" in wrong.detail
    assert wrong.advice.startswith("Correct user and password in CALLMARK_POSTGRES_DSN")


async def test_a_pooler_is_not_in_session_mode(doctor: Doctor, engines: Engines) -> None:
    async with pooled_by_transactions(engines.dsn) as dsn:
        wrong = await doctor.problem(postgres_dsn=dsn)
    assert (wrong.name, wrong.detail) == ("postgresql", "a pooler before it is not in session mode")
    assert wrong.advice.startswith("Set `pool_mode = session` there")


async def test_postgresql_takes_no_writes(doctor: Doctor, engines: Engines) -> None:
    await execute(engines, f"ALTER DATABASE {database(engines)} SET default_transaction_read_only = on")
    wrong = await doctor.problem()
    assert (wrong.name, wrong.detail) == ("postgresql", "it takes no writes: it is a standby, or read-only")
    assert "Name the primary in CALLMARK_POSTGRES_DSN" in wrong.advice


async def shadow(engines: Engines, function: LiteralString) -> None:
    """The database answers with this function of our own instead of PostgreSQL's."""
    await execute(
        engines,
        "CREATE SCHEMA shadow",
        f"CREATE FUNCTION shadow.{function}",
        f"ALTER DATABASE {database(engines)} SET search_path = shadow, pg_catalog, public",
    )


async def test_postgresql_is_too_old(doctor: Doctor, engines: Engines) -> None:
    await shadow(engines, "current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT '140012' $$")
    wrong = await doctor.problem()
    assert (wrong.name, wrong.detail) == ("postgresql", "version 14 answers")
    assert wrong.advice == "Use PostgreSQL 15 or newer."


@pytest.mark.parametrize(
    ("has_tls", "way"), [("false", " without TLS"), ("true", " by TLSv1.3"), ("NULL::boolean", "")]
)
async def test_over_a_network_it_says_whether_postgresql_is_asked_by_tls(
    doctor: Doctor, engines: Engines, has_tls: LiteralString, way: str
) -> None:
    await shadow(engines, "inet_client_addr() RETURNS inet LANGUAGE sql AS $$ SELECT '10.1.2.3'::inet $$")
    seen = "CREATE VIEW shadow.pg_stat_ssl AS SELECT pg_backend_pid() AS pid"
    await execute(engines, f"{seen}, {has_tls} AS ssl, CASE WHEN {has_tls} THEN 'TLSv1.3' END AS version")
    found = (await doctor.examine())["postgresql"]
    assert found.ok
    assert found.detail.endswith(f" answers{way}")


async def test_the_database_does_not_hold_every_character(doctor: Doctor, engines: Engines) -> None:
    await shadow(engines, "getdatabaseencoding() RETURNS name LANGUAGE sql AS $$ SELECT 'LATIN1'::name $$")
    wrong = await doctor.problem()
    assert (wrong.name, wrong.detail) == ("database encoding", "LATIN1")
    assert wrong.advice.endswith("restore it into a database with ENCODING 'UTF8' TEMPLATE template0.")


async def test_the_clocks_differ(doctor: Doctor, engines: Engines) -> None:
    ahead: LiteralString = "SELECT pg_catalog.clock_timestamp() + interval '1 minute'"
    await shadow(engines, f"clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ {ahead} $$")
    wrong = await doctor.problem()
    assert wrong.name == "clock"
    assert re.fullmatch(r"\+[56]\d\.\d{3} s from the database's", wrong.detail)  # how soon it was asked counts too
    assert "NTP" in wrong.advice


async def test_the_schema_is_behind(doctor: Doctor, engines: Engines) -> None:
    await execute(engines, "DELETE FROM schema_migration WHERE number > 3")
    wrong = await doctor.problem()
    assert (wrong.name, wrong.detail) == ("schema", f"at 3, needs {needed()}")
    assert wrong.advice == "Run `callmark migrate --phase pre`."


async def test_the_schema_is_of_a_newer_version(doctor: Doctor, engines: Engines) -> None:
    await execute(engines, "INSERT INTO schema_migration VALUES (9999, 'tomorrow', now())")
    wrong = await doctor.problem()
    assert (wrong.name, wrong.detail) == ("schema", f"at 9999, newer than this version, which knows {head()}")
    assert wrong.advice == "Update Callmark on this host."


async def test_the_schema_has_the_first_steps_of_a_newer_version(doctor: Doctor, engines: Engines) -> None:
    await execute(engines, "INSERT INTO schema_migration VALUES (9999, 'tomorrow', now(), 'pre')")
    found = (await doctor.examine())["schema"]
    assert found.ok
    assert found.detail == f"at 9999, newer than this version, which knows {head()} and works beside it"
    assert found.advice.startswith("Update Callmark on this host before `callmark migrate --phase post` runs.")
    assert "erasures wait for a worker of the newer version" in found.advice


async def test_no_worker_runs(doctor: Doctor, deps: Deps) -> None:
    async with living(deps, "http"):
        wrong = await doctor.problem()
        assert (wrong.name, wrong.detail) == ("processes", "no report from: worker")
        assert "callmark serve --roles worker" in wrong.advice
        async with living(deps, "worker"):
            assert (await doctor.examine())["processes"].ok


# NATS ----------------------------------------------------------------------------------------------------------------


async def test_nats_is_down(doctor: Doctor) -> None:
    wrong = await doctor.problem(nats_url="nats://127.0.0.1:1")
    assert wrong.name == "nats"
    assert "Connect call failed" in wrong.detail
    assert wrong.advice == "Start the server, or correct CALLMARK_NATS_URL."


async def test_nats_greets_late(doctor: Doctor) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2.2)  # longer than its client waits by default
        writer.write(b'INFO {"server_id": "x", "version": "2.10.0", "max_payload": 1048576}\r\n')
        async for line in reader:
            if line.startswith(b"PING"):
                writer.write(b"PONG\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as late:
        (_, port) = late.sockets[0].getsockname()
        assert (await doctor.examine(nats_url=f"nats://127.0.0.1:{port}"))["nats"].ok


async def test_nats_does_not_know_the_password(doctor: Doctor, engines: Engines) -> None:
    password = engines.nats_url.partition("://callmark:")[2].partition("@")[0]
    wrong = await doctor.problem(nats_url=engines.nats_url.replace(password, "wrong"))
    assert wrong.name == "nats"
    assert "authorization violation" in wrong.detail.lower()
    assert "Correct the user in CALLMARK_NATS_URL, or CALLMARK_NATS_CREDENTIALS" in wrong.advice


async def test_a_credentials_file_that_is_none(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "user.creds").write_text("hello")
    wrong = await doctor.problem(nats_credentials=str(tmp_path / "user.creds"))
    assert wrong.name == "nats"
    assert "is not a NATS credentials file" in wrong.detail
    assert wrong.advice == "Correct that setting."


async def test_nats_has_a_certificate_that_nobody_vouches_for(doctor: Doctor) -> None:
    directory, port = reachable_directory(), free_port()
    certificate(directory, "localhost")
    files = f'cert_file: "{directory}/ca.pem", key_file: "{directory}/key.pem"'
    (directory / "nats.conf").write_text(f"port: {port}\ntls {{ {files} }}\n")
    with (directory / "log").open("wb") as output:
        server = spawn("nats", [find_nats(None), "-c", directory / "nats.conf"], env=ENVIRONMENT, output=output)
    await until(lambda: listens(port))
    wrong = await doctor.problem(nats_url=f"tls://localhost:{port}")
    await server.stop(signal.SIGTERM, 2)
    shutil.rmtree(directory)
    assert wrong.name == "nats"
    assert "certificate" in wrong.detail.lower()
    assert "CALLMARK_NATS_CA" in wrong.advice


async def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# mail ----------------------------------------------------------------------------------------------------------------


async def test_a_mail_server_that_refuses_the_login(doctor: Doctor) -> None:
    async with mail_server() as inbox:
        inbox.at_login = False
        wrong = await doctor.problem(
            smtp_host="127.0.0.1",
            smtp_port=str(inbox.port),
            smtp_tls="none",
            smtp_user="callmark",
            smtp_password="wrong",
            mail_from="Callmark <a@callmark.example>",
        )
    assert wrong.name == "mail"
    assert "the mail server answered 535" in wrong.detail
    assert "CALLMARK_SMTP_" in wrong.advice


async def test_an_installation_that_nobody_can_reach(doctor: Doctor, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.touch()
    wrong = (await embedded(doctor).examine(data=str(file)))["installation"]
    assert wrong.detail == f"the data directory {file} cannot be used: {file} is not a directory"
    assert wrong.advice == "Name another with --data (CALLMARK_DATA)."
    assert not wrong.ok


async def test_where_nothing_runs_nothing_is_wrong(doctor: Doctor, tmp_path: Path) -> None:
    found = await embedded(doctor).examine(data=str(tmp_path / "nowhere"))
    assert found["installation"].ok
