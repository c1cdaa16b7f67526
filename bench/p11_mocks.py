"""P11: what a client sees of Callmark, beside mocks of the same document that do nothing but answer.

The same generator sends the same requests to either, in turns. Callmark does what it is asked: batches count once every
record of theirs has reached its handset and is settled.
"""

import itertools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import httpx
import msgspec

from bench.load import closed_loop, request
from bench.mocks import running
from bench.pushing import until_settled
from bench.report import Row, rate
from bench.stage import Account, Stage, connected_handsets, numbers, stage
from callmark.domain.accounts import service as accounts
from callmark.domain.credentials import service as credentials
from callmark.domain.credentials.model import NewKey
from callmark.domain.ids import AccountId
from callmark.domain.limits.model import BATCH, TOKENS, largest
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import Feature
from callmark.kit.phone import PhoneNumber

ACCOUNTS = 24
HANDSETS = 500
CONNECTIONS = 16
WARM_UP = 40
ROUNDS = 3

Make = Callable[[str, Account, int], bytes]
"""A request to an address, for an account; its number among all of them."""


class Measure(NamedTuple):
    """What is asked, and how often in a turn."""

    name: str
    requests: int
    make: Make
    is_delivered: bool = False


async def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        async with stage(roles="api,gateway,worker", accounts_count=ACCOUNTS) as on:
            receivers = numbers(HANDSETS)
            document = Path(folder) / "openapi.json"
            async with httpx.AsyncClient(trust_env=False) as http:
                document.write_bytes((await http.get(f"{on.url}/openapi.json")).content)
            async with running(document) as mocks, connected_handsets(on, receivers):
                measures = _measures(on, receivers, [await _raised(on, account) for account in on.accounts])
                return [row for one in measures for row in await _compared(on, mocks, one)]


async def _compared(on: Stage, mocks: dict[str, str], measure: Measure) -> list[Row]:
    """The measure of each round beside each mock."""
    for url in (on.url, *mocks.values()):
        await _turn(on, measure, url, WARM_UP)
    rows: list[Row] = []
    for (name, url), _ in itertools.product(mocks.items(), range(ROUNDS)):
        figure = await _turn(on, measure, on.url, measure.requests)
        ceiling = await _turn(on, measure, url, measure.requests)
        what = f"{measure.name} beside {name.capitalize()}, requests/s"
        rows.append(rate("P11", what, ceiling=ceiling, what=name.capitalize(), figure=figure, aim="≥ 1.0"))
    return rows


_made = itertools.count()


async def _turn(on: Stage, measure: Measure, url: str, count: int) -> float:
    """Requests a second."""
    ready = [measure.make(url, on.accounts[n % ACCOUNTS], n) for n in itertools.islice(_made, count)]
    sending = itertools.chain(ready, itertools.repeat(None))
    began = perf_counter()
    result = await closed_loop(url, lambda: next(sending), connections=CONNECTIONS)
    if result.failures:
        print(f"p11: {measure.name}: {result.failures} of {count} requests to {url} were refused")
    if measure.is_delivered and url == on.url:
        await until_settled(on, ask_every_s=0.005)
    return (count - result.failures) / (perf_counter() - began)


async def _raised(on: Stage, account: Account) -> NewKey:
    """Another key of the account, whose limits are as high as they can be."""
    changes = {bucket.name: largest(bucket.name) for bucket in (TOKENS, BATCH)}
    await accounts.set_limits(on.deps, AccountId(account.id), changes, by=SYSTEM)
    features = [Feature.CALL_PERSONALISATION]
    return await credentials.create_key(on.deps, AccountId(account.id), name="p11", features=features, by=SYSTEM)


def _measures(on: Stage, receivers: Sequence[PhoneNumber], keys: Sequence[NewKey]) -> list[Measure]:
    def token(url: str, account: Account, number: int) -> bytes:
        key = keys[number % ACCOUNTS]
        body = msgspec.json.encode({"key_id": str(key.key_id), "api_key": key.api_key})
        return request(f"{url}/clients/{account.id}/token", body)

    def labels(url: str, account: Account, number: int) -> bytes:
        return request(f"{url}/clients/{account.id}/labels", b"", _token(account, number), "GET")

    def real_time(url: str, account: Account, number: int) -> bytes:
        body = msgspec.json.encode(on.record(receivers[number % HANDSETS], account))
        return request(f"{url}/v2/clients/{account.id}/dynamic_call_record", body, _token(account, number))

    def bulk(size: int) -> Make:
        def make(url: str, account: Account, number: int) -> bytes:
            records = [on.record(receivers[(number + n) % HANDSETS], account) for n in range(size)]
            body = msgspec.json.encode({"call_records": records})
            return request(f"{url}/v2/clients/{account.id}/dynamic_call_records", body, _token(account, number))

        return make

    sizes = {1: 300, 50: 120, 500: 24}
    return [
        Measure("token", 240, token),
        Measure("labels", 600, labels),
        Measure("real time", 600, real_time),
        *(Measure(f"bulk of {size}, delivered", count, bulk(size), is_delivered=True) for size, count in sizes.items()),
    ]


def _token(account: Account, number: int) -> str:
    return account.tokens[number // ACCOUNTS % len(account.tokens)]
