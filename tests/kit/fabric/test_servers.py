"""NATS as operators run it: several servers, credentials files; and every failure to connect is told."""

import json
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import nkeys
import pytest
from structlog.testing import capture_logs
from tests.kit.fabric.nats_keys import Keys
from tests.support.engines import Engines
from tests.support.waiting import until, until_connected

from callmark.kit.engines.binaries import ENVIRONMENT, find_nats
from callmark.kit.engines.child import spawn
from callmark.kit.errors import SetupError, Unavailable
from callmark.kit.fabric.client import Fabric
from callmark.kit.fabric.servers import NatsAccess
from callmark.kit.ids import new_id
from callmark.kit.ports import free_port
from callmark.kit.settings import read_settings
from callmark.processes.doctor_engines import check_nats

Make = Callable[..., Fabric]


@pytest.fixture
async def fabric() -> AsyncGenerator[Make]:
    """Makes fabrics, and closes them at the end."""
    made: list[Fabric] = []

    def make(url: str, credentials: Path | None = None) -> Fabric:
        made.append(Fabric(url, new_id(), access=NatsAccess(credentials=credentials)))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@asynccontextmanager
async def guarded_nats(directory: Path) -> AsyncGenerator[tuple[str, Path]]:
    """A server that lets in only who has credentials, and a file of such."""
    operator, account, user = (
        Keys(kind) for kind in (nkeys.PREFIX_BYTE_OPERATOR, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_USER)
    )
    limits = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1) | {"wildcards": True}
    of_account = operator.token(account.public, type="account", version=2, limits=limits)
    of_user = account.token(user.public, type="user", version=2, subs=-1, data=-1, payload=-1)
    port = free_port()
    config = {
        "host": "127.0.0.1",
        "port": port,
        "operator": operator.token(operator.public, type="operator", version=2),
        "resolver": "MEMORY",
        "resolver_preload": {account.public: of_account},
    }
    (directory / "nats.conf").write_text(json.dumps(config))
    credentials = directory / "user.creds"
    credentials.write_text(
        f"-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
    )
    server = spawn("nats", [find_nats(None), "-c", directory / "nats.conf"], env=ENVIRONMENT)
    try:
        yield f"nats://127.0.0.1:{port}", credentials
    finally:
        await server.stop(signal.SIGKILL, 1)


async def test_a_credentials_file_lets_us_in_and_without_one_the_refusal_is_told(tmp_path: Path, fabric: Make) -> None:
    async with guarded_nats(tmp_path) as (url, credentials):
        let_in, refused = fabric(url, credentials), fabric(url)
        await let_in.open()

        async def connected() -> bool:
            return let_in.connected

        await until(connected)
        await let_in.round_trip(60)
        with capture_logs() as logs:
            await refused.open()

            async def told() -> bool:  # the cut may come before the word, which a later try then brings
                return "Authorization Violation" in refused.trouble

            await until(told)
        assert any("Authorization Violation" in line.get("error", "") for line in logs)
        with pytest.raises(Unavailable) as caught:
            await refused.round_trip(1)
        assert "Authorization Violation" in caught.value.reason


PASSWORD = "p#w/1?x@,%[]:\u00fc"


@asynccontextmanager
async def nats_with_password(directory: Path) -> AsyncGenerator[str]:
    """A server that lets in the user `call/mark` with the password; its address."""
    port = free_port()
    config = {"host": "127.0.0.1", "port": port, "authorization": {"user": "call/mark", "password": PASSWORD}}
    (directory / "nats.conf").write_text(json.dumps(config, ensure_ascii=False))
    server = spawn("nats", [find_nats(None), "-c", directory / "nats.conf"], env=ENVIRONMENT)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(signal.SIGKILL, 1)


async def test_a_password_may_have_any_character(tmp_path: Path, fabric: Make) -> None:
    async with nats_with_password(tmp_path) as address:
        settings = read_settings({"CALLMARK_NATS_URL": f"nats://call%2Fmark:{quote(PASSWORD, safe='')}@{address}"})
        one = fabric(settings.reached_nats)
        await one.open()

        async def connected() -> bool:
            return one.connected

        await until(connected)
        await one.round_trip(60)
        assert one.server == address
        assert (await check_nats(settings)).ok
        wrong = await check_nats(read_settings({"CALLMARK_NATS_URL": f"nats://call%2Fmark:p@{address}"}))
        assert "Authorization Violation" in wrong.detail


ALL = ["cm.>", "_CM.>", "_INBOX.>"]
RIGHTS = {
    "right": {"publish": ALL, "subscribe": ALL},
    "typo": {"publish": ALL, "subscribe": ALL[1:]},
    "no-handsets": {"publish": ALL, "subscribe": {"allow": ALL, "deny": ["cm.*.handset.>"]}},
    "mute": {"publish": {"allow": ALL, "deny": ["cm.>"]}, "subscribe": ALL},
}


@pytest.fixture
async def limited_nats(tmp_path: Path) -> AsyncGenerator[Callable[[str], str]]:
    """The address of a server for each of its users, who have different rights."""
    port = free_port()
    users = [{"user": name, "password": "p", "permissions": rights} for name, rights in RIGHTS.items()]
    config = {"host": "127.0.0.1", "port": port, "authorization": {"users": users}}
    (tmp_path / "nats.conf").write_text(json.dumps(config))
    server = spawn("nats", [find_nats(None), "-c", tmp_path / "nats.conf"], env=ENVIRONMENT)
    yield lambda user: f"nats://{user}:p@127.0.0.1:{port}"
    await server.stop(signal.SIGKILL, 1)


async def test_a_right_that_the_user_does_not_have_is_said(limited_nats: Callable[[str], str], fabric: Make) -> None:
    right, typo, no_handsets, mute = (fabric(limited_nats(user)) for user in RIGHTS)
    for one in (right, no_handsets, mute, typo):
        await one.listen("topic", hear_nothing)
        await one.open()
    for one in (right, no_handsets, mute):
        await until_connected(one)
        await one.round_trip(60)

    async def is_said() -> bool:
        return 'permissions violation for subscription to "cm.' in typo.trouble

    await until(is_said)
    await right.detach(await right.attach("919900000001", ignore))
    with pytest.raises(Unavailable) as caught:
        await no_handsets.attach("919900000001", ignore)
    assert "permissions violation for subscription" in caught.value.reason
    await no_handsets.round_trip(60)  # only for that handset
    with capture_logs() as logs:
        for _ in range(2):
            await mute.announce("topic")
            with pytest.raises(Unavailable) as caught:
                await mute.round_trip(60)
            assert "permissions violation for publish" in caught.value.reason
    assert [line["event"] for line in logs] == ["nats_refuses"]
    for user in RIGHTS:
        checked = await check_nats(read_settings({"CALLMARK_NATS_URL": limited_nats(user)}))
        assert checked.ok == (user in {"right", "no-handsets"})
        assert checked.ok or ("permissions violation" in checked.detail and "Let that user" in checked.advice)


async def hear_nothing(_: bytes) -> None: ...


def ignore(_key: str, _reply: str, _payload: bytes) -> None: ...


async def test_an_address_that_the_library_refuses_is_told_and_the_end_is_clean(fabric: Make) -> None:
    one = fabric("nats://127.0.0.1:port")

    async def told() -> bool:
        return "invalid connect url option" in one.trouble

    with capture_logs():
        await one.open()
        await until(told)
        await one.close()


async def test_any_server_of_several_will_do(engines: Engines, fabric: Make) -> None:
    away = f"nats://127.0.0.1:{free_port()}"
    one = fabric(f"{away}, {engines.nats_url}")
    await one.open()

    async def connected() -> bool:
        return one.connected

    await until(connected)


async def test_a_server_that_is_away_is_told(fabric: Make) -> None:
    one = fabric(f"nats://127.0.0.1:{free_port()}")

    async def told() -> bool:
        return "Connect call failed" in one.trouble and len(logs) > 1

    with capture_logs() as logs:
        await one.open()
        await until(told)
    assert {line["event"] for line in logs} == {"nats_not_reached"}


@pytest.mark.parametrize("text", [None, "no credentials", "\x00"])
async def test_a_file_without_credentials_stops_the_start(tmp_path: Path, fabric: Make, text: str | None) -> None:
    path = tmp_path / "user.creds"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SetupError, match="CALLMARK_NATS_CREDENTIALS"):
        await fabric("nats://127.0.0.1:1", path).open()
