"""The push fabric over a real NATS: acknowledged, not connected, silent, lost and back, late acknowledgements."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from datetime import timedelta
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import uvloop
from tests.support.engines import Engines, reachable_directory
from tests.support.stopped_processes import suspended
from tests.support.waiting import in_task, open_connected, until

from callmark.kit.engines.nats import EmbeddedNats
from callmark.kit.errors import Unavailable
from callmark.kit.fabric.client import Attachment, Fabric
from callmark.kit.fabric.fanout import Answer, Push
from callmark.kit.ids import new_id

SOON, ENOUGH = timedelta(milliseconds=150), timedelta(seconds=20)
PHONE = "919900000001"


@pytest.fixture
def installation() -> UUID:
    return new_id()


@pytest.fixture
async def sender(engines: Engines, installation: UUID) -> AsyncGenerator[Fabric]:
    fabric = Fabric(engines.nats_url, installation, name="sender")
    await open_connected(fabric)
    yield fabric
    await fabric.close()


@pytest.fixture
async def gateway(engines: Engines, installation: UUID) -> AsyncGenerator[Fabric]:
    fabric = Fabric(engines.nats_url, installation, name="gateway")
    await open_connected(fabric)
    yield fabric
    await fabric.close()


@pytest.fixture
def own_directory() -> Generator[Path]:
    path = reachable_directory()
    yield path
    shutil.rmtree(path)


async def push(fabric: Fabric, *pushes: Push, within: timedelta = ENOUGH) -> dict[int, Answer]:
    if len(pushes) == 1:  # as real-time pushes are sent
        return {0: await fabric.push_one(pushes[0], within)}
    return {position: answer async for group in fabric.push(pushes, within) for position, answer in group}


class Keys:
    """A callback that collects keys."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, key: str) -> None:
        self.queue.put_nowait(key)

    async def next(self) -> str:
        return await asyncio.wait_for(self.queue.get(), 30)


async def is_connected(fabric: Fabric) -> bool:
    return fabric.connected


async def attach_that_acknowledges(gateway: Fabric, number: str) -> list[bytes]:
    held: list[bytes] = []

    async def on_push(_: str, reply: str, payload: bytes) -> None:
        held.append(payload)
        gateway.acknowledge(reply)

    await gateway.attach(number, in_task(on_push))
    return held


async def test_a_connected_handset_acknowledges(sender: Fabric, gateway: Fabric) -> None:
    held = await attach_that_acknowledges(gateway, PHONE)
    assert await push(sender, Push(PHONE, "record-1", b"identity")) == {0: Answer.ACKNOWLEDGED}
    assert held == [b"identity"]


async def test_a_handset_without_gateway_is_known_at_once(sender: Fabric) -> None:
    async with asyncio.timeout(20):  # far under the push's own deadline
        answers = await push(sender, Push(PHONE, "r", b"x"), within=timedelta(seconds=60))
    assert answers == {0: Answer.NOT_CONNECTED}


async def gone(gateway: Fabric, attachment: Attachment) -> None:
    """Detaches it; returns when the server knows, because it has taken what came after on the same connection."""
    await gateway.detach(attachment)
    await gateway.detach(await gateway.attach("919900000099", lambda _key, _reply, _payload: None))


async def test_a_detached_handset_is_not_connected(sender: Fabric, gateway: Fabric) -> None:
    async def on_push(key: str, reply: str, payload: bytes) -> None: ...

    await gone(gateway, await gateway.attach(PHONE, in_task(on_push)))
    assert await push(sender, Push(PHONE, "r", b"x")) == {0: Answer.NOT_CONNECTED}


async def test_silence_lasts_until_the_deadline(sender: Fabric, gateway: Fabric) -> None:
    async def on_push(key: str, reply: str, payload: bytes) -> None: ...

    await gateway.attach(PHONE, in_task(on_push))
    assert await push(sender, Push(PHONE, "r", b"x"), within=SOON) == {0: Answer.SILENT}


async def test_each_of_many_gets_its_own_answer(sender: Fabric, gateway: Fabric) -> None:
    connected = [f"9199000{i:05d}" for i in range(250)]
    for number in connected:
        await attach_that_acknowledges(gateway, number)
    pushes = [Push(f"9199000{i:05d}", f"record-{i}", b"x") for i in range(500)]
    answers = await push(sender, *pushes)
    assert [answers[i] for i in range(500)] == [Answer.ACKNOWLEDGED] * 250 + [Answer.NOT_CONNECTED] * 250


async def test_payloads_too_large_for_one_read_arrive_whole_and_in_order(sender: Fabric, gateway: Fabric) -> None:
    held = await attach_that_acknowledges(gateway, PHONE)
    payloads = [bytes((65 + i % 26,)) * (20_000 + i) + b"\r\nMSG x 1 1\r\n" for i in range(60)]
    answers = await push(sender, *(Push(PHONE, f"k{i}", payload) for i, payload in enumerate(payloads)))
    assert set(answers.values()) == {Answer.ACKNOWLEDGED}
    assert held == payloads


async def test_another_installation_on_the_same_nats_is_not_reached(engines: Engines, sender: Fabric) -> None:
    other = Fabric(engines.nats_url, new_id())
    await open_connected(other)
    await attach_that_acknowledges(other, PHONE)
    assert await push(sender, Push(PHONE, "r", b"x")) == {0: Answer.NOT_CONNECTED}
    await other.close()


async def test_an_acknowledgement_after_the_deadline_reaches_the_senders_callback(
    sender: Fabric, gateway: Fabric
) -> None:
    replies, late = asyncio.Queue[str](), Keys()
    sender.on_late_acknowledgement(late)

    async def on_push(_: str, reply: str, _payload: bytes) -> None:
        replies.put_nowait(reply)

    await gateway.attach(PHONE, in_task(on_push))
    assert await push(sender, Push(PHONE, "record-7", b"x"), within=SOON) == {0: Answer.SILENT}
    gateway.acknowledge(await replies.get())
    assert await late.next() == "record-7"


async def test_an_acknowledgement_whose_sender_has_gone_reaches_the_gateways_callback(
    engines: Engines, installation: UUID, gateway: Fabric
) -> None:
    replies, late = list[str](), Keys()
    gateway.on_late_acknowledgement(late)

    async def on_push(_: str, reply: str, _payload: bytes) -> None:
        replies.append(reply)

    await gateway.attach(PHONE, in_task(on_push))
    doomed = Fabric(engines.nats_url, installation)
    await open_connected(doomed)
    assert await push(doomed, Push(PHONE, "record-8", b"x"), within=SOON) == {0: Answer.SILENT}
    await doomed.close()

    async def noticed() -> bool:
        """The server takes a moment to see that the sender has gone; what it delivers till then is lost."""
        for reply in replies:
            gateway.acknowledge(reply)
        return not late.queue.empty()

    await until(noticed)
    assert await late.next() == "record-8"


async def test_acknowledgements_of_one_moment_whose_sender_has_gone_all_reach_the_gateways_callback(
    engines: Engines, installation: UUID, gateway: Fabric
) -> None:
    replies, late = list[str](), Keys()
    gateway.on_late_acknowledgement(late)
    await gateway.attach(PHONE, lambda _key, reply, _payload: replies.append(reply))
    doomed = Fabric(engines.nats_url, installation)
    await open_connected(doomed)
    answers = await push(doomed, *(Push(PHONE, f"record-{i}", b"x") for i in range(3)), within=SOON)
    assert set(answers.values()) == {Answer.SILENT}
    await doomed.close()

    async def noticed() -> bool:
        for reply in replies:
            gateway.acknowledge(reply)
        return not late.queue.empty()

    await until(noticed)
    assert {await late.next() for _ in range(3)} == {"record-0", "record-1", "record-2"}


async def test_a_record_pushed_again_while_it_waits_is_answered_once_and_the_first_waits_in_vain(
    sender: Fabric, gateway: Fabric
) -> None:
    replies: asyncio.Queue[str] = asyncio.Queue()

    async def on_push(_: str, reply: str, _payload: bytes) -> None:
        replies.put_nowait(reply)

    await gateway.attach(PHONE, in_task(on_push))
    began = asyncio.get_running_loop().time()
    first = asyncio.create_task(push(sender, Push(PHONE, "same", b"x"), within=timedelta(seconds=2)))
    await replies.get()
    second = asyncio.create_task(push(sender, Push(PHONE, "same", b"x")))
    gateway.acknowledge(await replies.get())
    assert await second == {0: Answer.ACKNOWLEDGED}
    assert (await first, asyncio.get_running_loop().time() - began >= 2) == ({0: Answer.SILENT}, True)


async def test_a_question_is_answered_and_nobody_listening_is_unavailable(sender: Fabric, gateway: Fabric) -> None:
    async def double(message: bytes) -> bytes:
        return message * 2

    await gateway.listen("echo", double)
    assert await sender.ask("echo", b"ab", timedelta(seconds=20)) == b"abab"
    with pytest.raises(Unavailable):
        await sender.ask("nobody", b"", timedelta(seconds=1))


def setting(event: asyncio.Event) -> Callable[[], Coroutine[None, None, None]]:
    async def set_it() -> None:
        event.set()

    return set_it


async def test_losing_nats_ends_pushes_under_way_and_everything_works_again_when_it_is_back(
    own_directory: Path, installation: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callmark.kit.fabric.client.RESETTLE_S", 20)
    nats = EmbeddedNats(own_directory / "data")
    url = await nats.start()
    sender, gateway = Fabric(url, installation), Fabric(url, installation)
    await open_connected(sender, gateway)
    arrived, back, heard = asyncio.Event(), asyncio.Event(), Keys()

    async def on_push(_: str, reply: str, payload: bytes) -> None:
        arrived.set()
        if payload == b"answer":
            gateway.acknowledge(reply)

    async def hear(message: bytes) -> None:
        await heard(message.decode())

    gateway.on_reconnect(setting(back))
    await gateway.attach(PHONE, in_task(on_push))
    await gateway.listen("news", hear)
    under_way = asyncio.create_task(push(sender, Push(PHONE, "r1", b"x"), within=timedelta(seconds=60)))
    await asyncio.wait_for(arrived.wait(), 20)
    await nats.stop()
    assert await asyncio.wait_for(under_way, 20) == {0: Answer.FABRIC_LOST}
    assert await push(sender, Push(PHONE, "r2", b"answer")) == {0: Answer.FABRIC_LOST}
    assert not sender.connected
    with pytest.raises(Unavailable):
        await asyncio.wait_for(gateway.attach("919900000002", in_task(on_push)), 30)

    assert await nats.start() == url
    await asyncio.wait_for(back.wait(), 30)
    await until(partial(is_connected, sender))
    assert not sender.settled  # gateways get two seconds to come back
    assert await push(sender, Push(PHONE, "r3", b"answer")) == {0: Answer.ACKNOWLEDGED}
    assert await push(sender, Push("919900000002", "r4", b"answer")) == {0: Answer.NOT_CONNECTED}
    await sender.announce("news", b"still heard")
    assert await heard.next() == "still heard"
    await asyncio.gather(sender.close(), gateway.close())
    await nats.stop()


async def test_a_process_that_starts_before_nats_connects_when_it_comes(
    own_directory: Path, installation: UUID
) -> None:
    nats = EmbeddedNats(own_directory / "data")
    url = await nats.start()
    await nats.stop()
    early = Fabric(url, installation)
    opening = asyncio.create_task(early.open())
    assert await push(early, Push(PHONE, "r", b"x")) == {0: Answer.FABRIC_LOST}
    heard = Keys()

    async def hear(message: bytes) -> None:
        await heard(message.decode())

    await early.listen("news", hear)
    await nats.start()
    await opening
    await until(partial(is_connected, early))
    await early.announce("news", b"hello")
    assert await heard.next() == "hello"
    await early.close()
    await nats.stop()


async def test_waits_given_up_while_nats_hangs_leave_the_connection_whole(
    own_directory: Path, installation: UUID
) -> None:
    nats = EmbeddedNats(own_directory / "data")
    url = await nats.start()
    sender, gateway = Fabric(url, installation, name="sender"), Fabric(url, installation, name="gateway")
    try:
        await open_connected(sender, gateway)
        with suspended([nats.pid]), pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await attach_that_acknowledges(gateway, "919900000002")
        await attach_that_acknowledges(gateway, PHONE)
        answers = await push(sender, Push(PHONE, "a", b"x"), Push("919900000002", "b", b"x"))
        assert answers == {0: Answer.ACKNOWLEDGED, 1: Answer.NOT_CONNECTED}
    finally:
        await asyncio.gather(sender.close(), gateway.close())
        await nats.stop()


async def test_a_handset_is_known_to_be_connected_without_hearing_of_the_question(
    sender: Fabric, gateway: Fabric
) -> None:
    heard: list[bytes] = []
    assert not await sender.is_connected(PHONE, ENOUGH)
    attachment = await gateway.attach(PHONE, lambda _key, _reply, payload: heard.append(payload))
    assert await sender.is_connected(PHONE, ENOUGH)
    await gone(gateway, attachment)
    assert not await sender.is_connected(PHONE, ENOUGH)
    assert heard == []


async def test_all_listeners_are_asked_and_those_that_answer_in_time_are_heard(sender: Fabric, gateway: Fabric) -> None:
    async def three(_: bytes) -> bytes:
        return b"3"

    async def four(_: bytes) -> bytes:
        return b"4"

    assert await sender.ask_all("count", 2, ENOUGH) == []
    await gateway.listen("count", three)
    assert await sender.ask_all("count", 2, timedelta(seconds=5)) == [b"3"]
    await sender.listen("count", four)
    assert sorted(await sender.ask_all("count", 2, ENOUGH)) == [b"3", b"4"]


async def test_without_nats_nobody_can_be_asked(sender: Fabric) -> None:
    await sender.close()
    with pytest.raises(Unavailable):
        await sender.is_connected(PHONE, SOON)
    with pytest.raises(Unavailable):
        await sender.ask_all("count", 1, SOON)
    assert sender.server_version == ()


def test_a_message_for_a_connection_that_has_just_ended_is_lost_without_an_error(
    engines: Engines, installation: UUID
) -> None:
    errors: list[dict[str, Any]] = []

    async def lose_nats() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        fabric = Fabric(engines.nats_url, installation, name="sender")
        await open_connected(fabric)
        ends_below_the_client = attrgetter("_client._transport._io_writer.transport.abort")(fabric)
        ends_below_the_client()
        assert fabric.connected
        fabric.push_again(Push(PHONE, "key", b"{}"))
        await asyncio.sleep(0)
        await fabric.close()

    uvloop.run(lose_nats())
    assert errors == []
