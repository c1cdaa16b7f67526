"""The router of documented answers: it is what the reference says, and the whole library works with it."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from tools.documented_answers import PATH, answers, as_file

import callmark
from callmark.testing import mock_router

RECORD: dict[str, Any] = {"caller": "918040001234", "receiver": "919900000001", "expires_in": timedelta(hours=1)}
PAIR: dict[str, Any] = {"account_id": "3f0c1c52-6a5e-4d0e-9a53-1a0e6a1b7c11", "key_id": "K", "api_key": "S"}
BATCH = "8e2f7a31-52c4-4b6d-9f10-7a6b5c4d3e2f"
SET = "77aa11bb-2233-4455-8899-aabbccddeeff"


FROZEN = """
import datetime, importlib, pkgutil, typing
import msgspec
import callmark, callmark.client.real_dates  # a module of the library may be there before
from callmark.testing import mock_router

real = datetime.datetime


class FrozenDatetime(real):
    pass


def use():
    options = dict(base_url="https://callmark.test", account_id="acc", key_id="k", api_key="s", max_retries=0)
    with mock_router(), callmark.Client(**options) as client:
        ends_at = real.now(datetime.UTC) + datetime.timedelta(hours=1)
        assert client.push(caller="918040001234", receiver="919900000001", ends_at=ends_at).status == "success"
        for one in [*client.labels.list(), *client.numbers.list(), *client.feature_sets.list()]:
            assert type(one.created_at) in (real, type(None)), one


datetime.datetime = FrozenDatetime
use()
for package in (importlib.import_module("callmark.client"), importlib.import_module("callmark.testing")):
    for one in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(one.name)
datetime.datetime = real
use()
left = list(msgspec.Struct.__subclasses__())
while left:
    kind = left.pop()
    left += kind.__subclasses__()
    if kind.__module__.startswith("callmark."):
        assert "FrozenDatetime" not in str(typing.get_type_hints(kind)), kind
"""


def test_a_clock_that_a_test_has_frozen_when_the_library_is_first_used_spoils_no_answer() -> None:
    """As freezegun does. Names are imported when they are used: whether it is frozen depends on the order of tests."""
    subprocess.run([sys.executable, "-c", FROZEN], check=True, timeout=60)


def client(base_url: str = "https://callmark.test", **options: Any) -> callmark.Client:
    return callmark.Client(base_url=base_url, **PAIR, **options)


def test_the_answers_are_those_of_the_reference() -> None:
    assert PATH.read_bytes() == as_file(answers()), "run python -m tools.documented_answers"


def test_the_guide_names_every_operation_with_its_method_and_path() -> None:
    guide = (PATH.parents[3] / "docs/testing.md").read_text()
    told = re.findall(r"^\| `(\w+)` \| `([A-Z]+) ([^`]+)` \|$", guide, re.MULTILINE)
    (below,) = re.findall(r"^The others are below `([^`]+)`:$", guide, re.MULTILINE)
    paths = [(name, method, path if path.startswith("/") else below + path) for name, method, path in told]
    assert paths == [(one.name, one.method, one.path) for one in answers()]


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_pushes_of_every_generation(generation: Literal[1, 2, 3]) -> None:
    with mock_router() as router, client(generation=generation) as ours:
        assert ours.push(**RECORD).status == "success"
        batch = ours.batches.create([RECORD])
        assert batch.batch_id == BATCH
        batch.wait(timeout=30)
        assert batch.counts["success"] == 1
        found = list(ours.push_many([RECORD] * 501))
        assert {one.status for one in found} == {"success"}
        others = {one.batch_id for one in found}
        assert len(others | {BATCH}) == 3
        assert sorted(len(ours.batches.get(str(one)).records) for one in others) == [1, 500]
        assert len(ours.batches.get(BATCH).records) == 1
        keyed = [RECORD | {"starts_at": datetime.now(UTC)}]
        again = [ours.batches.create(keyed, idempotency_key="order-17").batch_id for _ in range(2)]
        assert len({*again, *others, BATCH}) == 4
        assert router[f"pushRecordV{generation}"].call_count == 1


def test_the_other_operations() -> None:
    now = datetime.now(UTC)
    with mock_router(), client() as ours:
        assert [label.name for label in ours.labels.list()] == ["Acme Deliveries"]
        assert [number.phone_number for number in ours.numbers.list()] == ["918040001234"]
        assert [one.id for one in ours.feature_sets.list()] == [SET]
        assert ours.numbers.publish(SET, ["918040001234", "918040001235"]).new_numbers
        assert ours.numbers.delist(SET, ["918040001234"]).existing_numbers
        callbacks = ours.logs.call_me_back(now - timedelta(days=1), now)
        assert callbacks.url.startswith("https://")
        assert [row["client_number"] for row in callbacks.rows()] == ["919900112233"]
        [answers] = ours.logs.feedback("c", now).rows()
        assert json.loads(answers["responses"])[0]["answer"] == "Yes"
        assert ours.resolve("918040001234", "919900000001").shows == "call_record"
        assert ours.batches.funnel(BATCH).accepted == 500
        call = ours.calls.announce("dialer-7f3a", caller="918040001234", receiver="919900112233")
        assert (call.state, call.caller) == ("ringing", "918040001234")
        assert ours.records.timeline("019b7a2e-5a10-7cc3-9d0e-0d2f6a1b4c55")
        assert [type(event) for event in ours.events.list()] == [callmark.CallMeBackEvent]


async def test_coroutines() -> None:
    with mock_router():
        async with callmark.AsyncClient(base_url="https://callmark.test", **PAIR) as ours:
            assert (await ours.push(**RECORD)).status == "success"
            call = await ours.calls.announce("dialer-7f3a", caller="918040001234", receiver="919900112233")
            assert call.shown_until


def test_an_answer_can_be_another() -> None:
    with mock_router() as router, client(max_retries=0) as ours:
        router["pushRecordV2"].respond(503)
        with pytest.raises(callmark.ServerError):
            ours.push(**RECORD)
        with pytest.raises(KeyError, match=r"'pushRecord', do you mean .*pushRecordV2"):
            router["pushRecord"]


def test_only_below_a_base_url() -> None:
    with mock_router(base_url="https://calls.example/api"):
        with client("https://calls.example/api") as ours:
            assert ours.push(**RECORD).status == "success"
            assert len(list(ours.logs.feedback("c", datetime.now(UTC)).rows())) == 1
        with client("https://other.example", max_retries=0) as other, pytest.raises(AssertionError, match="not mocked"):
            other.push(**RECORD)


def test_each_block_begins_with_nothing_pushed() -> None:
    router = mock_router()

    def pushed(records: int) -> tuple[str, int]:
        with router, client() as ours:
            now = datetime.now(UTC)
            batch = ours.batches.create([RECORD | {"starts_at": now}] * records, idempotency_key="nightly-1")
            return batch.batch_id, len(ours.batches.get(batch.batch_id).records)

    assert [pushed(1), pushed(2)] == [(BATCH, 1), (BATCH, 2)]


def test_as_a_decorator() -> None:
    @mock_router()
    def test() -> str:
        with client() as ours:
            return ours.push(**RECORD).status

    assert test() == "success"
