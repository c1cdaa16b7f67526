"""P8: list 10,000 numbers in one request, and page through 1,000,000 numbers of one account, beside the bare SQL."""

import asyncio
import os
import time
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import msgspec

from bench.report import Row, cost
from bench.stage import Stage, make_label, stage
from callmark.domain.accounts import service as accounts
from callmark.domain.credentials import service as credentials
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import NewFeatureSet
from callmark.domain.ids import AccountId
from callmark.domain.labels.model import LabelType
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import Feature
from callmark.domain.structure import service as structure
from callmark.domain.structure.catalogue import CATALOGUE
from callmark.kit.postgres.database import Tx

MANY = int(os.environ.get("BENCH_NUMBERS", "1000000"))
LISTED = 10_000
SETS = 4
LIMIT = 1000
ROUNDS = 20

FILL = """
INSERT INTO number
  (phone_number, account_id, feature_set_id, phone_type, state, created_by_email, created_at, updated_at)
SELECT (915000000000 + n)::text, $1, ($2::uuid[])[1 + n % $3], 'verified', 'listed', 'bench@acme.example',
  $4::timestamptz - n / 10000 * interval '1 minute', $4
FROM generate_series(0, $5::bigint - 1) n
"""
COUNT = """
UPDATE feature_set f SET number_count = (SELECT count(*) FROM number n WHERE n.feature_set_id = f.id)
"""
BARE_INSERT = """
INSERT INTO number
  (phone_number, account_id, feature_set_id, phone_type, state, created_by_email, created_at, updated_at)
SELECT p, $2, $3, 'verified', 'pending', 'bench@acme.example', $4, $4 FROM unnest($1::text[]) p ORDER BY p
"""
BARE_PAGE = """
SELECT * FROM number WHERE account_id = $1 ORDER BY created_at DESC, phone_number DESC LIMIT $2 OFFSET $3
"""


async def run() -> list[Row]:
    async with stage(roles="api,worker", accounts_count=0) as on:
        account = (await accounts.create_account(on.deps, "Bench", by=SYSTEM)).id
        feature_sets = await _feature_sets(on, account)
        bare = await asyncpg.connect(
            on.deps.settings.reached_postgres, command_timeout=600, server_settings={"jit": "off"}
        )
        async with httpx.AsyncClient(
            base_url=f"{on.url}/clients/{account}/number_management", headers=await _headers(on, account), timeout=60
        ) as http:
            rows = await _listing(on, http, bare, account, feature_sets[0])
            rows += await _pages(on, http, bare, account, feature_sets)
        await bare.close()
    return rows


async def _listing(
    on: Stage,
    http: httpx.AsyncClient,
    bare: "asyncpg.Connection[asyncpg.Record]",
    account: AccountId,
    feature_set: UUID,
) -> list[Row]:
    phones = [str(918000000000 + i) for i in range(LISTED)]
    async with bare.transaction():
        began = time.perf_counter()
        await bare.execute(BARE_INSERT, phones, account, feature_set, on.deps.clock.now())
        ceiling = time.perf_counter() - began
        await bare.execute("DELETE FROM number WHERE feature_set_id = $1", feature_set)
    body = msgspec.json.encode({"phone_numbers": phones})
    content = {"Content-Type": "application/json"}
    began = time.perf_counter()
    answer = await http.post(f"/feature_sets/{feature_set}/numbers/publish", content=body, headers=content)
    answered = time.perf_counter() - began
    assert len(answer.json()["new_numbers"]) == LISTED, answer.text[:300]
    while await bare.fetchval("SELECT EXISTS (SELECT FROM number WHERE state <> 'listed')"):
        await asyncio.sleep(0.05)
    listed = time.perf_counter() - began
    return [
        Row(
            "P8",
            f"{LISTED:,} numbers published, answered",
            f"{ceiling * 1000:.0f} ms (bare INSERT)",
            f"{answered * 1000:.0f} ms",
            f"{ceiling / answered:.2f}",
            "< 1 s",
            ceiling / answered,
        ),
        cost("P8", "… all listed", figure=listed, unit="s", digits=2, aim="< 10 s"),
    ]


async def _pages(
    on: Stage,
    http: httpx.AsyncClient,
    bare: Tx,
    account: AccountId,
    feature_sets: list[UUID],
) -> list[Row]:
    await bare.execute(FILL, account, feature_sets, len(feature_sets), on.deps.clock.now(), MANY)
    await bare.execute(COUNT)
    await bare.execute("VACUUM ANALYZE number")
    pages = (MANY + LISTED) // LIMIT
    rows: list[Row] = []
    for what, page, query, aim in (
        ("first page", 1, "", "< 10 ms"),
        ("middle page", pages // 2, "", "< 250 ms"),
        ("last page", pages, "", "< 250 ms"),
        ("first page of a feature set", 1, f"&feature_set_id={feature_sets[1]}", "< 250 ms"),
        ("middle page of a feature set", pages // 8, f"&feature_set_id={feature_sets[1]}", "< 250 ms"),
        ("middle page of a department", pages // 2, f"&department_id={await _department(bare, account)}", "< 250 ms"),
    ):
        ceiling = await _median([_bare_page(bare, account, (page - 1) * LIMIT) for _ in range(ROUNDS)])
        figure = await _median([_page(http, page, query) for _ in range(ROUNDS)])
        name = f"GET numbers among {MANY + LISTED:,}, {LIMIT:,} a page: {what}"
        bare_sql = f"{ceiling * 1000:.1f} ms (bare SQL, by OFFSET)"
        ratio = ceiling / figure
        rows.append(Row("P8", name, bare_sql, f"{figure * 1000:.1f} ms", f"{ratio:.2f}", aim, ratio))
    return rows


async def _median(tries: list[Any]) -> float:
    """The middle of what coroutines measured, one after the other."""
    return sorted([await one for one in tries])[len(tries) // 2]


async def _bare_page(bare: Tx, account: AccountId, skip: int) -> float:
    began = time.perf_counter()
    assert await bare.fetch(BARE_PAGE, account, LIMIT, skip)
    return time.perf_counter() - began


async def _page(http: httpx.AsyncClient, page: int, query: str) -> float:
    began = time.perf_counter()
    answer = await http.get(f"/numbers?limit={LIMIT}&page={page}{query}")
    took = time.perf_counter() - began
    assert answer.json()["numbers"], answer.text[:300]
    return took


async def _department(bare: Tx, account: AccountId) -> UUID:
    return await bare.fetchval("SELECT id FROM department WHERE account_id = $1", account)


async def _headers(on: Stage, account: AccountId) -> dict[str, str]:
    key = await credentials.create_key(
        on.deps, account, name="numbers", features=[Feature.NUMBER_MANAGEMENT], by=SYSTEM
    )
    made = await credentials.create_token(on.deps, str(account), str(key.key_id), key.api_key)
    return {"Authorization": f"Bearer {made.token}"}


async def _feature_sets(on: Stage, account: AccountId) -> list[UUID]:
    """Feature sets of one department, each with a label, ready to publish."""
    department = await structure.create_department(on.deps, account, name="Retail", by=SYSTEM)
    operation = await structure.create_operation(
        on.deps, account, department.id, catalogue_id=CATALOGUE[0].id, by=SYSTEM
    )
    process = await structure.create_process(on.deps, account, operation.id, name="Last mile", by=SYSTEM)
    label = await make_label(on.deps, account, LabelType.STATIC)
    made = [
        await feature_sets.create_feature_set(
            on.deps,
            account,
            process.id,
            NewFeatureSet(f"Set {i}", label_id=label.id),
            by=SYSTEM,
        )
        for i in range(SETS)
    ]
    return [feature_set.id for feature_set in made]
