"""Three NATS nodes behind TLS: one that is away, stops responding or is killed is left at once."""

import asyncio
import json
import os
import signal
import ssl
from collections.abc import AsyncGenerator, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from tests.kit.fabric.nats_keys import USER, Keys
from tests.support.engines import Engines
from tests.support.nats_cluster import Cluster, nats_cluster
from tests.support.stopped_processes import suspended
from tests.support.waiting import until

from callmark.kit.engines.binaries import ENVIRONMENT, find_nats
from callmark.kit.engines.child import spawn
from callmark.kit.errors import SetupError
from callmark.kit.fabric.client import Fabric
from callmark.kit.fabric.fanout import Answer, Push
from callmark.kit.fabric.servers import NatsAccess
from callmark.kit.ids import new_id
from callmark.kit.ports import free_port

PHONE = "919900000001"

Make = Callable[..., Fabric]


@pytest.fixture(scope="module")
async def cluster() -> AsyncGenerator[Cluster]:
    async with nats_cluster() as started:
        yield started


@pytest.fixture
def installation() -> UUID:
    return new_id()


@pytest.fixture
async def fabric(cluster: Cluster, installation: UUID) -> AsyncGenerator[Make]:
    """Makes fabrics that reach the cluster, and closes them at the end."""
    made: list[Fabric] = []

    def make(url: str = cluster.url, access: NatsAccess = NatsAccess(ca=cluster.ca)) -> Fabric:
        made.append(Fabric(url, installation, access=access))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def connected(fabric: Fabric) -> None:
    async def is_connected() -> bool:
        return fabric.connected

    await until(is_connected)


async def attach_that_acknowledges(gateway: Fabric) -> None:
    def acknowledge(_key: str, reply: str, _payload: bytes) -> None:
        gateway.acknowledge(reply)

    await gateway.attach(PHONE, acknowledge)


async def push(sender: Fabric, within_s: float = 5) -> Answer:
    pushes = [Push(PHONE, new_id().hex, b"x")]
    answers = [answer async for group in sender.push(pushes, timedelta(seconds=within_s)) for _, answer in group]
    return answers[0]


async def test_a_push_reaches_a_handset_through_another_node_when_the_first_of_the_list_is_away(
    cluster: Cluster, fabric: Make
) -> None:
    away = f"tls://127.0.0.1:{free_port()}"
    urls = cluster.url.split(",")
    sender, gateway = fabric(f"{away},{urls[0]}"), fabric(f"{away},{urls[1]}")
    for one in (sender, gateway):
        await one.open()
        await connected(one)
    assert sender.server != gateway.server
    await attach_that_acknowledges(gateway)

    async def acknowledged() -> bool:  # the other node learns of the handset a moment later
        return await push(sender) is Answer.ACKNOWLEDGED

    await until(acknowledged)


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_a_gateway_leaves_a_node_that_has_gone_and_its_handsets_are_reached_through_another(
    cluster: Cluster, fabric: Make, how: str
) -> None:
    sender, gateway = fabric(), fabric()
    for one in (sender, gateway):
        await one.open()
        await connected(one)
    await attach_that_acknowledges(gateway)
    back = asyncio.Event()

    async def note() -> None:
        back.set()

    gateway.on_reconnect(note)
    gone = cluster.node_of(gateway.server)

    async def acknowledged() -> bool:
        return await push(sender, 0.5) is Answer.ACKNOWLEDGED

    if how == "killed":
        await gone.kill()
        await asyncio.wait_for(back.wait(), 60)
        assert gateway.server != gone.address
        await until(acknowledged)
        gone.start()
    else:
        with suspended([gone.pid]):
            await asyncio.wait_for(back.wait(), 60)
            assert gateway.server != gone.address
            await until(acknowledged)
    await cluster.whole()


async def test_a_push_under_way_when_its_senders_node_is_killed_is_lost_and_said_to_be(
    cluster: Cluster, fabric: Make
) -> None:
    sender, gateway = fabric(), fabric()
    for one in (sender, gateway):
        await one.open()
        await connected(one)
    got = asyncio.Event()
    await gateway.attach(PHONE, lambda _key, _reply, _payload: got.set())  # it never acknowledges

    async def pushed() -> bool:
        return got.is_set() or await push(sender, 0.2) is Answer.SILENT

    await until(pushed)
    node = cluster.node_of(sender.server)
    got.clear()
    pushing = asyncio.create_task(push(sender, 30))
    await got.wait()
    await node.kill()
    assert await pushing is Answer.FABRIC_LOST
    node.start()
    await cluster.whole()


async def test_a_client_that_is_thrown_out_connects_again(cluster: Cluster, fabric: Make) -> None:
    one = fabric(cluster.url.split(",")[0])
    await one.open()
    await connected(one)
    node = cluster.nodes[0]
    users = node.directory / "users.conf"
    right = users.read_text()
    users.write_text(right.replace("password: ", "password: 1"))
    node.read_again()

    async def thrown_out() -> bool:
        return not one.connected

    await until(thrown_out)
    users.write_text(right)
    node.read_again()
    await connected(one)
    await one.round_trip(60)


async def is_in_trouble(fabric: Fabric, said: str) -> bool:
    return said in fabric.trouble


async def test_a_server_whose_certificate_nobody_vouches_for_is_refused(fabric: Make) -> None:
    one = fabric(access=NatsAccess())
    await one.open()
    await until(partial(is_in_trouble, one, "certificate verify failed"))


async def test_a_server_without_tls_gets_no_password_where_tls_was_asked_for(engines: Engines, fabric: Make) -> None:
    by_scheme = fabric(engines.nats_url.replace("nats://", "tls://"), NatsAccess())
    by_file = fabric(engines.nats_url)
    await asyncio.gather(by_scheme.open(), by_file.open())
    for one in (by_scheme, by_file):
        await until(partial(is_in_trouble, one, "does not offer TLS"))


async def test_a_certificate_and_the_seed_of_a_key_let_us_in_also_when_it_is_replaced(
    cluster: Cluster, fabric: Make, tmp_path: Path
) -> None:
    node, users = cluster.nodes[0], [Keys(USER), Keys(USER)]
    tls = {name: str(node.directory / "tls" / file) for name, file in _FILES.items()}
    port, seed = free_port(), tmp_path / "user.nk"
    config = {"host": "127.0.0.1", "port": port, "tls": tls | {"verify": True}}

    def let(user: Keys) -> None:
        seed.write_text(f"{user.seed}\n")
        (tmp_path / "nats.conf").write_text(json.dumps(config | {"authorization": {"users": [{"nkey": user.public}]}}))

    let(users[0])
    server = spawn("nats", [find_nats(None), "-c", tmp_path / "nats.conf"], env=ENVIRONMENT)
    try:
        access = NatsAccess(seed, cluster.ca, Path(tls["cert_file"]), Path(tls["key_file"]))
        let_in = fabric(f"tls://127.0.0.1:{port}", access)
        refused = fabric(f"tls://127.0.0.1:{port}", access._replace(certificate=None, key=None))
        await let_in.open()
        await connected(let_in)
        await let_in.round_trip(60)
        await refused.open()
        assert not refused.connected
        again = asyncio.Event()

        async def come_back() -> None:
            again.set()

        let_in.on_reconnect(come_back)
        let(users[1])
        os.kill(server.pid, signal.SIGHUP)  # it reads the file again
        async with asyncio.timeout(60):
            await again.wait()
        await let_in.round_trip(60)
        let(users[0])
        seed.write_text("no seed")
        os.kill(server.pid, signal.SIGHUP)
        await until(partial(is_in_trouble, let_in, f"{seed} is not a NATS credentials file"))
    finally:
        await server.stop(signal.SIGKILL, 1)


_FILES = {"cert_file": "server.crt", "key_file": "server.key", "ca_file": "ca.crt"}


@pytest.mark.parametrize("text", [None, "no certificate"])
async def test_files_that_cannot_be_used_stop_the_start(tmp_path: Path, fabric: Make, text: str | None) -> None:
    path = tmp_path / "ca.crt"
    if text is not None:
        path.write_text(text)
    for access in (NatsAccess(ca=path), NatsAccess(certificate=path, key=path)):
        with pytest.raises(SetupError, match="CALLMARK_NATS_CA"):
            await fabric(access=access).open()


async def test_new_certificates_are_found_with_the_next_connection(cluster: Cluster) -> None:
    access = NatsAccess(ca=cluster.ca)
    assert isinstance(access.tls_context(), ssl.SSLContext)
    assert access.tls_context() is not access.tls_context()
