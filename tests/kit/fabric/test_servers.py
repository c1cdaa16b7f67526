"""NATS as operators run it: several servers, credentials files; and every failure to connect is told."""

import asyncio
import json
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import run
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs
from tests.kit.fabric.nats_keys import ACCOUNT, OPERATOR, USER, Keys
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
    operator, account, user = (Keys(kind) for kind in (OPERATOR, ACCOUNT, USER))
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
        f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
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
RIGHTS: dict[str, Any] = {
    "right": {"publish": ALL, "subscribe": ALL},
    "typo": {"publish": ALL, "subscribe": ALL[1:]},
    "no-handsets": {"publish": ALL, "subscribe": {"allow": ALL, "deny": ["cm.*.handset.>"]}},
    "mute": {"publish": {"allow": ALL, "deny": ["cm.>"]}, "subscribe": ALL},
}


class LimitedNats(NamedTuple):
    """A server whose users have different rights."""

    address: Callable[[str], str]
    give: Callable[[dict[str, Any]], None]
    """Writes down each user's rights, as its operator does, and has the server read them."""


@pytest.fixture
async def limited_nats(tmp_path: Path) -> AsyncGenerator[LimitedNats]:
    port, pid_file = free_port(), tmp_path / "nats.pid"

    def write(rights: dict[str, Any]) -> None:
        users = [{"user": name, "password": "p", "permissions": permissions} for name, permissions in rights.items()]
        config = {"host": "127.0.0.1", "port": port, "pid_file": str(pid_file), "authorization": {"users": users}}
        (tmp_path / "nats.conf").write_text(json.dumps(config))

    def give(rights: dict[str, Any]) -> None:
        write(rights)
        run([find_nats(None), "--signal", f"reload={pid_file.read_text()}"], check=True, capture_output=True)

    write(RIGHTS)
    server = spawn("nats", [find_nats(None), "-c", tmp_path / "nats.conf"], env=ENVIRONMENT)

    def address(user: str) -> str:
        return f"nats://{user}:p@127.0.0.1:{port}"

    yield LimitedNats(address, give)
    await server.stop(signal.SIGKILL, 1)


async def test_a_right_that_the_user_does_not_have_is_said(limited_nats: LimitedNats, fabric: Make) -> None:
    right, typo, no_handsets, mute = (fabric(limited_nats.address(user)) for user in RIGHTS)
    for one in (right, no_handsets, mute, typo):
        await one.listen("topic", hear_nothing)
        await one.open()
    for one in (right, no_handsets, mute):
        await until_connected(one)
    for one in (right, no_handsets):
        await one.round_trip(60)

    async def is_said() -> bool:
        return 'permissions violation for subscription to "cm.' in typo.trouble

    await until(is_said)
    await right.detach(await right.attach("919900000001", ignore))
    several = await asyncio.gather(*(why_not_attached(no_handsets) for _ in range(3)))
    assert [text.partition(" to ")[0] for text in several] == ["nats: permissions violation for subscription"] * 3
    await no_handsets.round_trip(60)  # only for that handset
    with capture_logs() as logs:
        for _ in range(2):
            await mute.announce("topic")
            assert (await why_not_ready(mute)).startswith("nats: permissions violation for publish")
    assert [line["event"] for line in logs] == ["nats_refuses"]
    for user in RIGHTS:
        checked = await check_nats(read_settings({"CALLMARK_NATS_URL": limited_nats.address(user)}))
        assert checked.ok == (user in {"right", "no-handsets"})
        assert checked.ok or ("permissions violation" in checked.detail and "Let that user" in checked.advice)


async def test_rights_that_are_given_or_taken_later_count_without_a_new_connection(
    limited_nats: LimitedNats, fabric: Make
) -> None:
    heard, (right, mute) = list[str](), (fabric(limited_nats.address(user)) for user in ("right", "mute"))
    for one in (right, mute):
        await one.open()
        await until_connected(one)
    await right.attach("919900000001", lambda key, _reply, _payload: heard.append(key))
    assert "publish" in await why_not_ready(mute)

    limited_nats.give(RIGHTS | {"mute": RIGHTS["right"], "right": RIGHTS["no-handsets"]})

    async def is_turned() -> bool:
        return not await why_not_ready(mute) and "subscription" in await why_not_ready(right)

    await until(is_turned)
    limited_nats.give(RIGHTS)

    async def is_turned_back() -> bool:
        return bool(await why_not_ready(mute)) and not await why_not_ready(right)

    await until(is_turned_back)
    await right.send_to_handset("919900000001", b"withdrawn")
    await right.round_trip(60)
    assert len(heard) == 1


async def why_not_ready(one: Fabric) -> str:
    try:
        await one.round_trip(60)
    except Unavailable as exc:
        return exc.reason
    return ""


async def why_not_attached(one: Fabric) -> str:
    with pytest.raises(Unavailable) as caught:
        await one.attach("919900000001", ignore)
    return caught.value.reason


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


ALTERED = "SUAKKVH3AVZDRRESAYWZAZ2FQ7WYMFSWVTS6DI54LX5EOEBCWOSOTCWWQY"
"""The seed of a user with one letter changed."""


@pytest.mark.parametrize("text", [None, "no credentials", "\x00", ALTERED])
async def test_a_file_without_credentials_stops_the_start(tmp_path: Path, fabric: Make, text: str | None) -> None:
    path = tmp_path / "user.creds"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SetupError, match="CALLMARK_NATS_CREDENTIALS"):
        await fabric("nats://127.0.0.1:1", path).open()
