"""P2: from bulk accepted to acknowledged by the handset to readable in the status answer, all roles in one place."""

import itertools
from time import perf_counter

import msgspec

from bench.cpu import microseconds_by_kind, per_item
from bench.load import Result, closed_loop, request
from bench.pushing import BATCH, batches, until_settled
from bench.report import Row, rate
from bench.stage import Stage, connected_handsets, numbers, stage
from callmark.kit.phone import PhoneNumber

BATCHES = 120
CLIENT_LIMIT = 5000.0
"""Records a second that the contract lets one client send."""


async def run() -> list[Row]:
    rows: list[Row] = []
    for processes in (1, 2):
        async with stage(roles="api,gateway,worker", processes=processes) as on:
            receivers = numbers(BATCH)
            async with connected_handsets(on, receivers):
                figure = await _push(on, receivers)
        more = "" if processes == 1 else f", {processes} processes"
        what = "one client's limit"
        measure = f"bulk end to end, records/s{more}"
        rows.append(rate("P2", measure, ceiling=CLIENT_LIMIT, what=what, figure=figure, aim="≥ 35,000/s"))
    return rows


async def _push(on: Stage, receivers: list[PhoneNumber]) -> float:
    sending = itertools.chain(batches(on, receivers, BATCHES), itertools.repeat(None))
    accepted: list[str] = []
    before = microseconds_by_kind(on.pid)
    began = perf_counter()
    result = await closed_loop(
        on.url,
        lambda: next(sending),
        connections=4,
        keep=lambda body: accepted.append(msgspec.json.decode(body)["batch_id"]),
    )
    assert not result.failures, f"{result.failures} refused"
    accepted_s = perf_counter() - began
    await until_settled(on)
    seconds = perf_counter() - began
    spent = per_item(before, microseconds_by_kind(on.pid), len(accepted) * BATCH)
    await _check(on, accepted)
    print(f"p2: accepted in {accepted_s:.2f} s, settled in {seconds:.2f} s; processor time per record: {spent}")
    return len(accepted) * BATCH / seconds


async def _check(on: Stage, ids: list[str]) -> None:
    """Every record of the last batch reads as a success through the API."""
    account = on.accounts[0]
    found: list[bytes] = []
    for batch in ids:
        url = f"{on.url}/v2/clients/{account.id}/dynamic_call_records?batchId={batch}"
        wanted = request(url, b"", account.tokens[0], "GET")
        result: Result = await closed_loop(on.url, iter([wanted, None]).__next__, connections=1, keep=found.append)
        assert not result.failures
    records = [record for body in found for record in msgspec.json.decode(body)["data"]]
    assert records
    bad = [r for r in records if r["status_info"]["status"] != "success"]
    assert not bad, f"{len(bad)} of {len(records)} not delivered"
