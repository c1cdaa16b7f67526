"""P10: the console's pages for an account with a million call records, and what a first visit loads.

Every GET route of the console's table but downloads, streams, links from mails, uploads and reviews; a business's pages
as an admin, the installation's as an operator. Prints each page's median.
"""

import asyncio
import os
import re
import statistics
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import httpx
from msgspec import Struct

from bench.filling import make_days
from bench.report import Row, cost
from bench.stage import Stage, make_label, stage
from callmark.domain.credentials import service as credentials
from callmark.domain.events.model import EventType
from callmark.domain.feedback.model import NewQuestion
from callmark.domain.ids import AccountId
from callmark.domain.labels.model import LabelType
from callmark.domain.members import service as members
from callmark.domain.operators import service as operators
from callmark.domain.policy.model import SYSTEM, Action, Actor, ActorKind, Role
from callmark.domain.sessions.model import MemberState
from callmark.domain.webhooks import service as webhooks
from callmark.kit.ids import random_text
from callmark.kit.postgres.database import Tx
from callmark.processes.demo.structure import Branch, Seeded, seed_branch
from callmark.surfaces.console.routes import TABLE

RECORDS = int(os.environ.get("BENCH_CONSOLE_RECORDS", "1000000"))
SIZE = 500
DAYS = 30
NUMBERS = 10_000
ANSWERS = 50_000
ROUNDS = 7
AIM_MS, AIM_KB = 100, 250
CALLER, RECEIVER = "918040001234", "919800000007"
EMAIL, OPERATOR = "alice@bench.example", "olive@bench.example"
DAY = timedelta(days=1)

# Ids in the order of time, as UUIDv7 are. A batch each some minutes, so that the newest are of today.
FILL_BATCHES = """
INSERT INTO batch (id, account_id, accepted_at, record_count, ends_from, ends_to)
SELECT
  (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
  $1, at, $2, at + interval '4 hours', at + interval '4 hours'
FROM (
  SELECT n, $3::timestamptz - interval '10 minutes' - n * ($4::interval / $5) AS at
  FROM generate_series(0, $5::int - 1) n
) made
"""
FILL_RECORDS = """
INSERT INTO call_record (receiver_number, ends_at, id, batch_id, account_id, position, caller_number, label_id,
  label_name, call_reason, starts_at, accepted_at, outcome, sent_at, settled_at, first_outcome, delivered_late_at)
SELECT '9198' || lpad((mod(n * 7919 + p, 100000))::text, 8, '0'), b.ends_to, gen_random_uuid(), b.id, b.account_id, p,
  '91804000' || lpad((1234 + p % 5)::text, 4, '0'), $1, 'Acme Deliveries', 'Your parcel arrives today', b.accepted_at,
  b.accepted_at, CASE WHEN p % 20 = 0 THEN 'not_registered' WHEN p % 33 = 0 THEN 'failed_to_push' ELSE 'success' END,
  b.accepted_at, b.accepted_at, CASE WHEN p % 50 = 1 THEN 'failed_to_push' END,
  CASE WHEN p % 50 = 1 THEN b.accepted_at + interval '1 hour' END
FROM (SELECT row_number() OVER (ORDER BY id) AS n, * FROM batch) b, generate_series(0, $2::int - 1) p
"""
FILL_CALLS = """
INSERT INTO call (receiver_number, id, caller_number, source, record_id, shown_at, outcome, ended_at, reported_at)
SELECT receiver_number, gen_random_uuid(), caller_number, 'call_record', id, starts_at,
  CASE WHEN position % 2 = 0 THEN 'answered' ELSE 'missed' END, starts_at, starts_at
FROM call_record WHERE outcome = 'success' AND position % 20 = 2
"""
FILL_NUMBERS = """
INSERT INTO number
  (phone_number, account_id, feature_set_id, phone_type, state, created_by_email, created_at, updated_at)
SELECT (915000000000 + n)::text, $1, $2, 'verified', 'listed', 'alice@bench.example',
  $3::timestamptz - n * interval '1 s', $3
FROM generate_series(0, $4::int - 1) n
"""
COUNT_NUMBERS = "UPDATE feature_set f SET number_count = (SELECT count(*) FROM number n WHERE n.feature_set_id = f.id)"
FILL_CALLBACKS = """
INSERT INTO callback_request (id, account_id, feature_set_id, feature_set_name, is_number_group, business_number,
  receiver_number, request_id, requested_at, is_interested, is_sim_unknown, slot_starts_at, config_name, state,
  handled_by_email, handled_at)
SELECT gen_random_uuid(), $1, $2, 'Delivery default', false, $3, '9198' || lpad(n::text, 8, '0'), gen_random_uuid(), at,
  true, false, at + interval '1 day', 'Weekday callbacks', CASE WHEN n % 10 = 0 THEN 'new' ELSE 'done' END,
  CASE WHEN n % 10 > 0 THEN 'alice@bench.example' END, CASE WHEN n % 10 > 0 THEN at END
FROM (SELECT n, $4::timestamptz - n * ($5::interval / $6) AS at FROM generate_series(0, $6::int - 1) n) made
"""
FILL_FEEDBACK = """
INSERT INTO feedback
  (id, account_id, campaign_id, receiver_number, call_id, business_number, call_type, responded_at, responses)
SELECT gen_random_uuid(), $1, $2, '9198' || lpad(n::text, 8, '0'), gen_random_uuid(), $3, 'answered',
  $4::timestamptz - n * ($5::interval / $6), json_build_array(json_build_object(
    'question_id', $7::text, 'question', 'On time?', 'answer', CASE WHEN n % 3 = 0 THEN 'No' ELSE 'Yes' END))
FROM generate_series(0, $6::int - 1) n
"""
FILL_DELIVERIES = """
INSERT INTO delivery
  (id, account_id, webhook_id, event_id, event_type, event_number, created_at, state, attempt_count, ended_at)
SELECT gen_random_uuid(), $1, $2, gen_random_uuid(), 'cmb', n + 1, at,
  CASE WHEN n % 20 = 0 THEN 'failed' ELSE 'success' END, 1, at
FROM (SELECT n, $3::timestamptz - n * ($4::interval / $5) AS at FROM generate_series(0, $5::int - 1) n) made
"""
FILL_EVENTS = """
INSERT INTO event (account_id, number, id, event_type, created_at, body)
SELECT account_id, event_number, event_id, event_type, created_at, json_build_object('event_id', event_id,
  'event_type', 'cmb', 'cmb_payload', json_build_object('client_number', '919800000007')) FROM delivery
"""
FILL_ATTEMPTS = """
INSERT INTO attempt
  (delivery_id, id, number, began_at, duration_ms, url, request_headers, status, answer_headers, answer_body)
SELECT id, gen_random_uuid(), 1, created_at, 12, 'https://hooks.bench.example/', 'content-type: application/json',
  CASE WHEN state = 'failed' THEN 500 ELSE 200 END, 'content-length: 2', 'ok' FROM delivery
"""
FILL_AUDIT = """
INSERT INTO audit_entry (id, account_id, actor_email, by_operator, action, subject, details, address, at)
SELECT gen_random_uuid(), $1, 'alice@bench.example', false, 'label.changed', 'Acme', '{}', '127.0.0.1',
  $2::timestamptz - n * ($3::interval / $4) FROM generate_series(0, $4::int - 1) n
"""
IS_COUNTED = """
SELECT (SELECT sum(accepted) = $1 FROM record_day) AND up_to_at = (SELECT max(reported_at) FROM call)
FROM count_mark WHERE what = 'calls'
"""
BRANCH = Branch(
    department="Retail",
    operation="Delivery",
    process="Last mile",
    sub_process="Evening rounds",
    published="Delivery default",
    draft="Delivery draft",
    call_reason="About your delivery",
    callbacks="Weekday callbacks",
    numbers=(CALLER,),
    campaign="Delivery check",
    questions=(NewQuestion("On time?", ("Yes", "No")),),
)
NO_PAGES = re.compile(r"export$|results\.csv$|progress$|^/reset|^/invitations|^/sign-in|^/forgot|act$")
SEARCHES = (
    f"/records?receiver={RECEIVER}",
    f"/records?caller={CALLER}",
    f"/records?receiver={RECEIVER}&caller={CALLER}",
    "/records?state=failed_to_push",
    f"/resolve?receiver={RECEIVER}&caller={CALLER}",
    "/numbers?q=91500000",
    "/numbers?state=failed",
    "/webhook-events?state=failed",
    "/callbacks?state=new",
    "/callbacks?q=91980000",
)


class Page(Struct, frozen=True):
    """A page and how long it took, in the middle of the tries; `weight` is what came over the wire."""

    path: str
    ms: float
    weight: int


async def run() -> list[Row]:
    async with stage(roles="console,worker", accounts_count=1) as on:
        member, operator = random_text(16), random_text(16)
        ids = await _fill(on, member)
        await operators.create_operator(on.deps, email=OPERATOR, name="Olive", password=operator, by=SYSTEM)
        await _until_counted(on)
        async with _visitor(on) as browser:
            await _sign_in(browser, EMAIL, member)
            weight = await _first_visit(browser)
            pages = await _pages(browser, [*_paths(ids, operating=False), *SEARCHES])
        async with _visitor(on) as browser:
            await _sign_in(browser, OPERATOR, operator)
            pages += await _pages(browser, _paths(ids, operating=True))
    for one in sorted(pages, key=lambda one: -one.ms):
        print(f"p10: {one.ms:7.1f} ms {one.weight / 1000:6.1f} KB  {one.path}")
    slowest = max(pages, key=lambda one: one.ms)
    home = next(one for one in pages if one.path == "")
    among, aim = f"among {RECORDS:,} records", f"< {AIM_MS} ms"
    return [
        cost("P10", f"{len(pages)} pages of the console {among}", figure=_middle(pages), unit="ms", aim=aim),
        cost("P10", "… slowest", ceiling=_without_ids(slowest.path), figure=slowest.ms, unit="ms", aim=aim),
        cost("P10", "… home", figure=home.ms, unit="ms", aim=aim),
        cost("P10", "… first visit, compressed", figure=weight / 1000, unit="KB", aim=f"< {AIM_KB} KB"),
    ]


def _middle(pages: Iterable[Page]) -> float:
    return statistics.median(one.ms for one in pages)


def _without_ids(path: str) -> str:
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "…", path)


# what is there ------------------------------------------------------------------------------------------------------


async def _fill(on: Stage, password: str) -> dict[str, object]:
    """An account as after a busy month; ids to put into paths, by the beginning of the path."""
    began = time.perf_counter()
    account, now = AccountId(on.accounts[0].id), await make_days(on, DAYS + 1)
    member = await members.create_without_rules(
        on.deps, account, email=EMAIL, name="Alice", role=Role.ADMIN, state=MemberState.ACTIVE, by=SYSTEM
    )
    await members.set_password(on.deps, account, member.id, password, by=SYSTEM)
    key = await credentials.create_key(on.deps, account, name="console", features=[], by=SYSTEM)
    label = await make_label(on.deps, account, LabelType.STATIC)
    seeded = await seed_branch(on.deps, account, BRANCH, label.id, EMAIL)
    hook = await webhooks.create_webhook(
        on.deps,
        account,
        name="bench",
        url="https://hooks.bench.example/",
        event_types=list(EventType),
        by=Actor(ActorKind.MEMBER, EMAIL),
    )
    sql = await asyncpg.connect(on.deps.settings.reached_postgres, command_timeout=600)
    await _fill_records(sql, on, now)
    await _fill_rest(sql, account, seeded, hook.webhook.id, now)
    await sql.execute("VACUUM ANALYZE")
    ids = await _ids_of(sql) | {
        "/numbers": CALLER,
        "/callbacks/configurations": seeded.feature_sets[0].id,
        "/feature-sets": seeded.feature_sets[0].id,
        "/structure": seeded.structure.process_id,
        "/campaigns": seeded.campaign_id,
        "/labels": on.accounts[0].label_id,
        "/members": member.id,
        "/keys": key.key_id,
        "/webhooks": hook.webhook.id,
        "/operator/accounts": account,
    }
    await sql.close()
    print(f"p10: written in {time.perf_counter() - began:.0f} s")
    return ids


async def _ids_of(sql: Tx) -> dict[str, object]:
    return {
        "/batches": await sql.fetchval("SELECT id FROM batch ORDER BY id DESC LIMIT 1"),
        "/records": await sql.fetchval("SELECT id FROM call_record WHERE outcome = 'success' LIMIT 1"),
        "/webhook-events": await sql.fetchval("SELECT id FROM delivery ORDER BY created_at DESC LIMIT 1"),
        "/numbers/jobs": await sql.fetchval("SELECT id FROM listing_job LIMIT 1"),
        "/call-reasons": await sql.fetchval("SELECT id FROM call_reason LIMIT 1"),
        "/operator/handset-apps": await sql.fetchval("SELECT id FROM handset_app LIMIT 1"),
    }


async def _fill_records(sql: Tx, on: Stage, now: datetime) -> None:
    await sql.execute(FILL_BATCHES, on.accounts[0].id, SIZE, now, DAYS * DAY, RECORDS // SIZE)
    await sql.execute(FILL_RECORDS, on.accounts[0].label_id, SIZE)
    await sql.execute(FILL_CALLS)


async def _fill_rest(sql: Tx, account: AccountId, seeded: Seeded, hook: UUID, now: datetime) -> None:
    feature_set, spread = seeded.feature_sets[0].id, (now, DAYS * DAY, ANSWERS)
    question = await sql.fetchval("SELECT questions -> 0 ->> 'id' FROM campaign WHERE id = $1", seeded.campaign_id)
    await sql.execute(FILL_NUMBERS, account, feature_set, now, NUMBERS)
    await sql.execute(COUNT_NUMBERS)
    await sql.execute(FILL_CALLBACKS, account, feature_set, CALLER, *spread)
    await sql.execute(FILL_FEEDBACK, account, seeded.campaign_id, CALLER, *spread, question)
    await sql.execute(FILL_DELIVERIES, account, hook, *spread)
    await sql.execute(FILL_ATTEMPTS)
    await sql.execute(FILL_AUDIT, account, *spread)
    await sql.execute("SET session_replication_role = replica")  # past the trigger that makes deliveries
    await sql.execute(FILL_EVENTS)
    await sql.execute("SET session_replication_role = origin")


async def _until_counted(on: Stage) -> None:
    """Returns when the worker has counted all records and calls for home."""
    began = time.perf_counter()
    for _ in range(600):
        async with on.deps.db.connection() as tx:
            if await tx.fetchval(IS_COUNTED, RECORDS // SIZE * SIZE):
                print(f"p10: counted after {time.perf_counter() - began:.0f} s more")
                return
        await asyncio.sleep(0.5)
    raise SystemExit("p10: the worker has not counted the records within five minutes")


# visits -------------------------------------------------------------------------------------------------------------


def _visitor(on: Stage) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=on.url, headers={"Accept-Encoding": "gzip"}, timeout=60)


async def _sign_in(browser: httpx.AsyncClient, email: str, password: str) -> None:
    form = await browser.get("/console/sign-in")
    csrf = re.search(r'name="csrf" value="([^"]+)"', form.text)
    assert csrf, form.text[:500]
    answer = await browser.post("/console/sign-in", data={"csrf": csrf[1], "email": email, "password": password})
    assert answer.status_code == 303, answer.text


def _paths(ids: Mapping[str, object], *, operating: bool) -> list[str]:
    """The table's pages for one kind of visitor, with ids put in."""
    found: list[str] = []
    for entry in TABLE:
        if entry.method != "GET" or NO_PAGES.search(entry.path) or (entry.needs is Action.OPERATE) != operating:
            continue
        before, has_id, after = entry.path.partition("/{")
        if not has_id:
            found.append(entry.path)
        elif ids.get(before):
            found.append(f"{before}/{ids[before]}{after.partition('}')[2]}")
    return found


async def _pages(browser: httpx.AsyncClient, paths: Iterable[str]) -> list[Page]:
    made: list[Page] = []
    for path in paths:
        tries: list[tuple[float, httpx.Response]] = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            answer = await browser.get(f"/console{path}")
            tries.append(((time.perf_counter() - began) * 1000, answer))
        answer = tries[-1][1]
        if not answer.is_success:
            print(f"p10: {answer.status_code} {path}")
            continue
        made.append(Page(path, statistics.median(ms for ms, _ in tries), answer.num_bytes_downloaded))
    return made


async def _first_visit(browser: httpx.AsyncClient) -> int:
    """Bytes of the home page and of all it loads, as they come over the wire."""
    weight, left, seen = 0, ["/console"], set[str]()
    while left:
        url = httpx.URL(left.pop())
        if url.path in seen:
            continue
        seen.add(url.path)
        answer = await browser.get(url)
        answer.raise_for_status()
        weight += answer.num_bytes_downloaded
        print(f"p10: {answer.num_bytes_downloaded / 1000:6.1f} KB {url.path}")
        if "html" in answer.headers["content-type"]:
            left += re.findall(r'<(?:script|link|img|use)[^>]+(?:src|href)="(/[^"#]+)', answer.text)
        elif "css" in answer.headers["content-type"]:
            left += [str(url.join(found)) for found in re.findall(r"url\([\"']?((?!data:)[^\"')]+)", answer.text)]
        elif "javascript" in answer.headers["content-type"]:
            left += [str(url.join(found)) for found in re.findall(r"from [\"'](\.?\.?/[^\"']+)", answer.text)]
    return weight
