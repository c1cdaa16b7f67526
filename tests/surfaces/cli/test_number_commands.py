"""`callmark number` as a shell runs it."""

import asyncio
import random
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.domain.numbers.staging import (
    Business,
    make_business,
    phones,
    reviewing,
    rows_of,
    run_jobs,
    states_of,
)
from tests.support.actors import ALICE
from tests.support.engines import SECRET_KEY, Engines
from tests.support.factories import make_label
from tests.support.fake_clock import FakeClock
from tests.support.workbooks import book
from tests.surfaces.cli.running import Ended, Here

from callmark.domain.deps import Deps
from callmark.domain.labels.model import LabelType
from callmark.domain.numbers import service as numbers
from callmark.domain.numbers.proofs import service as proofs
from callmark.domain.numbers.proofs.model import read_letter
from callmark.kit.settings import read_settings
from callmark.surfaces.cli.command import operator_at_terminal


@pytest.fixture
async def acme(deps: Deps) -> Business:
    return await make_business(deps)


@pytest.fixture
def here(engines: Engines) -> Generator[Here]:
    settings = read_settings({}, postgres_dsn=engines.dsn, nats_url=engines.nats_url, secret_key=SECRET_KEY)
    with Here(settings) as made:
        yield made


def of(acme: Business) -> tuple[str, ...]:
    return ("--account", str(acme.account_id), "--feature-set", str(acme.feature_set_id))


async def run(here: Here, *args: str) -> Any:
    """The JSON of a command, which has a loop of its own."""
    return await asyncio.to_thread(here.json, "number", *args)


async def ended(here: Here, *args: str) -> Ended:
    return await asyncio.to_thread(here.run, "number", *args)


async def test_an_option_that_means_nothing_for_a_file_is_refused(here: Here, acme: Business, tmp_path: Path) -> None:
    text, workbook = tmp_path / "numbers.csv", tmp_path / "numbers.xlsx"
    text.write_text(phones(1)[0])
    workbook.write_bytes(book([["phone"], [phones(1)[0]]]))
    for file, *option in ((text, "--sheet", "Ours"), (workbook, "--encoding", "cp1251")):
        said = await asyncio.to_thread(here.error, "number", "append", str(file), *of(acme), *option)
        assert f"leave out {option[0]}" in said


async def test_an_operator_decides_about_proofs(here: Here, acme: Business, tmp_path: Path) -> None:
    account, letter = of(acme)[:2], read_letter("letter.pdf", b"%PDF-1.7")
    one, two, three = phones(3)
    await run(here, "publish", one, two, three, *of(acme))
    asked = [
        await proofs.request_proof(acme.deps, acme.account_id, [number], letter, by=ALICE) for number in (one, two)
    ]
    assert (await asyncio.to_thread(here.first, "number", "proof", "list"))[1] == "a larger --limit"
    listed = {row["id"]: row for row in await run(here, "proof", "list")}
    assert [listed[str(request.id)]["examples"] for request in asked] == [[one], [two]]
    assert (await run(here, "proof", "show", str(asked[0].id)))["letter_name"] == "letter.pdf"
    file = tmp_path / "letter.pdf"
    saved = await run(here, "proof", "letter", str(asked[0].id), "--output", str(file))
    full = await asyncio.to_thread(here.error, "number", "proof", "letter", str(asked[0].id), "--output", "/dev/full")
    assert full == "cannot write /dev/full: No space left on device"
    assert (file.read_bytes(), saved["media_type"], saved["bytes"]) == (letter.content, "application/pdf", 8)
    assert (await run(here, "proof", "approve", str(asked[0].id)))["state"] == "approved"
    why = "The letter names another company"
    assert (await run(here, "proof", "refuse", str(asked[1].id), "--reason", why))["why"] == why
    shown = {row["phone_number"]: (row["proof"], row["proof_way"]) for row in await run(here, "list", *account)}
    assert shown == {one: ("proven", "letter"), two: ("refused", "letter"), three: ("unproven", None)}
    for proof, number in (("proven", one), ("refused", two), ("unproven", three)):
        assert [row["phone_number"] for row in await run(here, "list", *account, "--proof", proof)] == [number]
    assert await run(here, "list", *account, "--proof", "waiting") == []
    assert (await run(here, "proof", "set", "--all", *account))["proven_count"] == 2
    assert (await run(here, "proof", "set", f"+{one}", *account))["proven_count"] == 0
    await run(here, "proof", "end", one, *account, "--reason", "Sold")
    found = await run(here, "show", one, *account)
    assert (found["proof"], found["proof_why"], found["proof_way"]) == ("refused", "Sold", "operator")
    refused = await ended(here, "proof", "approve", str(asked[1].id))
    assert (refused.code, "decided already" in refused.err) == (1, True)
    assert (await ended(here, "proof", "set", *account)).code == 2
    assert (await ended(here, "proof", "set", one, "--all", *account)).code == 2
    assert "not in this account" in (await ended(here, "proof", "set", phones(1)[0], *account)).err


async def work(acme: Business) -> None:
    """Commands go by the real clock, which is ahead of the test's."""
    assert isinstance(acme.deps.clock, FakeClock)
    acme.deps.clock.advance(acme.deps.real_clock.now() - acme.deps.clock.now())
    await run_jobs(acme.deps)


async def test_numbers_are_published_shown_listed_and_delisted(here: Here, acme: Business) -> None:
    one, two = phones(2)
    account = of(acme)[:2]
    made = await run(here, "publish", one, f"+{two}", one, *of(acme))
    assert (made["status"], made["new"], made["duplicate_count"], made["rejected"]) == ("pending", [one, two], 1, [])
    shown = await run(here, "show", two, *account)
    assert await run(here, "show", f"tel:+{two}", *account) == shown
    assert (shown["state"], shown["feature_set_name"], shown["department"] != "") == (
        "pending",
        "Delivery default",
        True,
    )
    assert (shown["job"]["id"], shown["job"]["kind"], shown["job"]["number_count"]) == (made["job_id"], "publish", 2)
    await work(acme)
    assert (await run(here, "show", two, *account))["job"] is None
    listed = await run(here, "list", *account, "--state", "listed", "--search", "delivery")
    assert [row["phone_number"] for row in listed] == [two, one]
    assert [row["phone_number"] for row in await run(here, "list", *account, "--after", two)] == [one]
    assert await run(here, "list", *account, "--after", f"'{two}.0") == await run(
        here, "list", *account, "--after", two
    )
    assert await run(here, "list", *account, "--search", "nothing") == []
    first, more = await asyncio.to_thread(here.first, "number", "list", *account)
    assert (first["phone_number"], more) == (two, f"--after {two}")
    gone = await run(here, "delist", one, "919999999", *of(acme))
    assert (gone["existing"], gone["new"]) == ([one], ["919999999"])
    await work(acme)
    assert list(await rows_of(acme.deps, acme.account_id)) == [two]
    jobs = await run(here, "jobs", *of(acme))
    first, more = await asyncio.to_thread(here.first, "number", "jobs", *of(acme))
    assert (first, more) == (jobs[0], f"--after {jobs[0]['id']}")
    assert [(job["kind"], job["state"], job["done_count"]) for job in jobs] == [
        ("delist", "ended", 1),
        ("publish", "ended", 2),
    ]
    assert await run(here, "jobs", *of(acme), "--after", jobs[0]["id"]) == jobs[1:]


async def test_a_file_is_appended_with_a_report_of_every_rejected_line(
    here: Here, acme: Business, tmp_path: Path
) -> None:
    number = f"918040{random.SystemRandom().randrange(10**6):06d}"
    file = tmp_path / "numbers.csv"
    file.write_text(f"Name,Phone\nFront desk,080 {number[4:8]} {number[8:]}\nBack office,hello\n,\n")
    would = await run(here, "append", str(file), *of(acme), "--region", "IN", "--dry-run")
    assert would["new"] == [number]
    assert await rows_of(acme.deps, acme.account_id) == {}
    told = await ended(here, "append", str(file), *of(acme), "--region", "IN")
    assert told.code == 0
    assert "Accepted." in told.out
    assert "1 line contains no valid number:\n  line 3: 'hello': not a phone number" in told.err
    assert list(await rows_of(acme.deps, acme.account_id)) == [number]
    await run(here, "delist", number, *of(acme))
    await work(acme)
    empty = tmp_path / "empty.csv"
    empty.write_text("Phone\n")
    assert "it contains no numbers" in (await ended(here, "append", str(empty), *of(acme))).err
    wrong = await ended(here, "append", str(file), *of(acme), "--region", "Europe")
    assert (wrong.code, "not a two-letter country code" in wrong.err) == (1, True)


async def test_a_rewrite_delists_the_rest_and_stops_at_lines_it_cannot_read(
    here: Here, acme: Business, tmp_path: Path
) -> None:
    kept, dropped, fresh = phones(3)
    await acme.publish(kept, dropped)
    await work(acme)
    file = tmp_path / "numbers.txt"
    file.write_text(f"{kept}\n{fresh}\noops\n")
    would = await run(here, "rewrite", str(file), *of(acme), "--dry-run")
    assert (would["new"], would["existing"], would["delisted_count"]) == ([fresh], [kept], 1)
    stopped = await ended(here, "rewrite", str(file), *of(acme))
    assert (stopped.code, stopped.err) == (
        1,
        "Error: 1 line contains no valid number; nothing was changed. Fix the file, or use --skip-rejected.\n",
    )
    assert await states_of(acme.deps, acme.account_id) == {"listed": 2}
    done = await run(here, "rewrite", str(file), *of(acme), "--skip-rejected")
    assert (done["new"], done["existing"], done["delisted_count"]) == ([fresh], [kept], 1)
    assert done["status"] == "pending"
    assert [one["line"] for one in done["rejected"]] == [3]
    await work(acme)
    assert set(await rows_of(acme.deps, acme.account_id)) == {kept, fresh}
    file.write_text("\n")
    refused = await ended(here, "rewrite", str(file), *of(acme))
    assert (refused.code, "it contains no numbers" in refused.err) == (1, True)


async def test_a_number_group_is_imported_and_migrated(here: Here, acme: Business, tmp_path: Path) -> None:
    one, two = phones(2)
    label = await make_label(acme.deps, acme.account_id, label_type=LabelType.STATIC)
    file = tmp_path / "old.txt"
    file.write_text(f"{one}\n{two}\n")
    account = ("--account", str(acme.account_id))
    made = await run(here, "import", str(file), *account, "--name", "Old numbers", "--label", str(label.id))
    assert made["new"] == [one, two]
    await work(acme)
    assert (await run(here, "show", one, *account))["feature_set_id"] == made["number_group_id"]
    assert (await run(here, "publish", one, *of(acme)))["migrated"] == [one]


async def test_listings_are_reviewed(here: Here, acme: Business) -> None:
    one, two = phones(2)
    jobs = [
        (await numbers.publish(reviewing(acme.deps), acme.account_id, acme.feature_set_id, [number], by=ALICE)).job_id
        for number in (one, two)
    ]
    waiting = {row["id"]: row for row in await run(here, "review", "list", "--limit", "1000")}
    assert (waiting[str(jobs[0])]["account_name"], waiting[str(jobs[0])]["examples"]) == ("Acme", [one])
    assert (await run(here, "review", "approve", str(jobs[0])))["state"] == "running"
    rejected = await run(here, "review", "reject", str(jobs[1]), "--reason", "no proof of ownership")
    assert (rejected["why"], rejected["reviewed_by_email"]) == ("no proof of ownership", operator_at_terminal().email)
    await work(acme)
    shown = await run(here, "show", two, "--account", str(acme.account_id))
    assert (shown["state"], shown["why"]) == ("failed", "no proof of ownership")
    assert (await run(here, "show", one, "--account", str(acme.account_id)))["state"] == "listed"
    again = await ended(here, "review", "approve", str(jobs[0]))
    assert (again.code, again.err) == (1, "Error: this request is not awaiting review\n")


async def test_what_cannot_be_is_told_in_one_line(here: Here, acme: Business) -> None:
    account = of(acme)[:2]
    assert "not a phone number" in (await ended(here, "show", "hello", *account)).err
    assert "extension" in (await ended(here, "show", "919999999999 ext 5", *account)).err
    assert "this number is not in this account" in (await ended(here, "show", "919999999999", *account)).err
    assert "it contains no numbers" in (await ended(here, "publish", "hello", *of(acme))).err
    nowhere = ("--feature-set", "00000000-0000-7000-8000-000000000000")
    assert (await ended(here, "publish", "918040001234", *account, *nowhere)).code == 1
