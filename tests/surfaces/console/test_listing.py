"""Lists of numbers: preview, apply, delist."""

import re

import pytest
from tests.domain.numbers.staging import phones, run_jobs, states_of
from tests.support.audit_log import log_of
from tests.surfaces.console.browser import (
    Business,
    Visitors,
    errors_of,
    make_business,
    text_of,
)
from tests.surfaces.console.listing import SETS, applied, hidden_fields, list_in, make_set

from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import NewFeatureSet
from callmark.domain.numbers import service as numbers
from callmark.domain.policy.model import SYSTEM
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.console import list_files
from callmark.tables import reader


async def test_a_list_is_previewed_line_by_line_and_bucket_by_bucket_then_listed(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    here, there = await make_set(deps, business), await make_set(deps, business, "Warehouse")
    one, two, three, four, held = phones(5)
    three = PhoneNumber(f"9198{three[3:11]}")
    foreign = await make_business(deps, "Borealis")
    await list_in(deps, foreign, await make_set(deps, foreign), held)
    await list_in(deps, business, here, one)
    await list_in(deps, business, there, two)
    paul = await browse.as_member(business.process_owner)
    text = f"{one}\n+{two}\n{three[:5]} {three[5:]}\nhello\n{held}\n{three}\n{four}\n123"
    shown = await paul.follow(await paul.post(f"{SETS}/{here}/listing", {"mode": "append", "list": text}))
    said = text_of(shown)
    for bucket in (
        "New: 2",
        "Already in this feature set: 1",
        "In another feature set: 1",
        "Held elsewhere: 1 is held outside your place or by another business",
    ):
        assert bucket in said
    alice = await browse.as_member(business.admin)
    whole = await alice.follow(await alice.post(f"{SETS}/{here}/listing", {"mode": "append", "list": held}))
    assert "Held by another business: 1 cannot be listed until that business delists it" in text_of(whole)
    assert "Numbers now 1 Numbers afterwards 3" in said
    assert "1 line repeats a number" in said
    assert "4 hello its country code does not exist" in said or "4 hello not a phone number" in said
    assert await states_of(deps, business.account.id) == {"listed": 2}
    assert "2 numbers are being listed." in await applied(paul, f"{SETS}/{here}", "append", text)
    assert await states_of(deps, business.account.id) == {"listed": 2, "pending": 2}
    log = await log_of(deps, business.account.id)
    assert [(entry.action, entry.details["numbers"]) for entry in log] == [("numbers.listed", 2)]
    assert three not in str(log[0])


async def test_a_file_is_read_with_its_header_and_its_region(deps: Deps, business: Business, browse: Visitors) -> None:
    here = await make_set(deps, business)
    alice = await browse.as_member(business.admin)
    file = ("list.csv", "Name;Phone Number\nOps;080 4000 1234\n".encode("utf-16"), "text/csv")
    shown = await alice.follow(
        await alice.post(f"{SETS}/{here}/listing", {"mode": "append", "region": "IN"}, file=file)
    )
    assert "New: 1" in text_of(shown)
    assert 'value="918040001234"' in shown.text


async def test_a_list_is_sent_once_and_its_column_can_be_chosen_and_changed(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    at = f"{SETS}/{await make_set(deps, business)}/listing"
    alice = await browse.as_member(business.admin)
    one, two = "918040001234", "918040001235"
    file = ("list.csv", f"Our lines\nMobile;Landline;City\n{one};{two};Pune\n".encode(), "text/csv")
    asked = await alice.post(at, {"mode": "append"}, file=file)
    assert asked.status_code == 422
    assert "Several columns seem to contain phone numbers: Mobile, Landline" in errors_of(asked)["column"]
    kept = {"mode": "append", **dict(re.findall(r'name="(draft)" value="([^"]+)"', asked.text))}
    first = await alice.follow(await alice.post(at, {**kept, "column": "1"}))
    assert f'value="{one}"' in first.text
    assert "These columns are not used: Landline, City." in text_of(first)
    assert "This line above the header is not used: line 1: Our lines" in text_of(first)
    second = await alice.follow(await alice.post(at, {**kept, "column": "2"}))
    assert f'value="{two}"' in second.text
    unread = await alice.post(at, {**kept, "column": "3"})
    assert "line 3 says 'Pune': not a phone number" in errors_of(unread)["list"]
    charlie_business = await make_business(deps, "Borealis")
    charlie = await browse.as_member(charlie_business.admin)
    there = f"{SETS}/{await make_set(deps, charlie_business)}/listing"
    assert "no longer available" in errors_of(await charlie.post(there, {**kept, "column": "1"}))["list"]
    assert "no longer available" in errors_of(await alice.post(at, {"mode": "append", "draft": str(new_id())}))["list"]


async def test_a_preview_survives_a_reload_and_is_gone_once_it_was_applied(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    at = f"{SETS}/{await make_set(deps, business)}/listing"
    alice = await browse.as_member(business.admin)
    one = phones(1)[0]
    file = ("list.csv", f"Phone;Ruf\n{one};x\nhello;y\n".encode(), "text/csv")
    answer = await alice.post(at, {"mode": "rewrite"}, file=file)
    assert answer.status_code == 303
    preview = answer.headers["location"]
    for _ in range(2):
        assert "New: 1" in text_of(await alice.get(preview))
    back = await alice.get(f"{at}?draft={preview.rpartition('/')[2]}")
    assert "We kept list.csv" in text_of(back)
    assert re.search(r'value="rewrite"[^>]* checked', back.text)
    fields = hidden_fields(await alice.get(preview))
    unsure = await alice.post(f"{at}/apply", fields)
    assert errors_of(unsure)["sure"] == "Confirm this first: numbers meant by these lines would be delisted"
    assert "2 hello not a phone number" in text_of(unsure) or "3 hello not a phone number" in text_of(unsure)
    assert (await alice.post(f"{at}/apply", {**fields, "sure": "on"})).status_code == 303
    gone = await alice.get(preview)
    assert gone.status_code == 404
    assert "This preview is gone: it was used or discarded" in text_of(gone)
    assert f'href="{at}"' in gone.text.partition("empty-action")[2]


async def test_a_preview_is_found_by_its_account_and_its_feature_set_only(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    here, there = await make_set(deps, business), await make_set(deps, business, "Warehouse")
    alice = await browse.as_member(business.admin)
    answer = await alice.post(f"{SETS}/{here}/listing", {"mode": "append", "list": phones(1)[0]})
    preview = answer.headers["location"]
    elsewhere = preview.replace(str(here), str(there))
    unknown = f"{SETS}/{here}/listing/{new_id()}"
    charlie_business = await make_business(deps, "Borealis")
    charlie = await browse.as_member(charlie_business.admin)
    theirs = preview.replace(str(here), str(await make_set(deps, charlie_business)))
    answers = [
        await alice.get(elsewhere),
        await alice.get(unknown),
        await charlie.get(preview),
        await charlie.get(theirs),
    ]
    assert [one.status_code for one in answers] == [404] * 4
    assert len({re.sub(r"Alice|Charlie", "", text_of(one).partition("404")[2]) for one in answers[:2]}) == 1


async def test_a_file_of_other_figures_lists_nothing_and_names_its_columns(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    at = f"{SETS}/{await make_set(deps, business)}/listing"
    alice = await browse.as_member(business.admin)
    refused = await alice.post(at, {"mode": "append", "list": "Customer ID,Account\n1000234567,2000234567"})
    assert (
        "No column seems to contain phone numbers; the columns are: Customer ID, Account"
        in errors_of(refused)["column"]
    )


async def test_lists_that_cannot_be_are_refused_beside_their_field(
    deps: Deps, business: Business, browse: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = f"{SETS}/{await make_set(deps, business)}/listing"
    alice = await browse.as_member(business.admin)
    assert "mode" in errors_of(await alice.post(at, {"list": "918040001234"}))
    assert errors_of(await alice.post(at, {"mode": "append"})) == {"list": "Choose a file, or paste numbers"}
    kept = await alice.post(at, {"mode": "append", "list": "<b>nobody</b>"})
    assert "no phone number" in errors_of(kept)["list"]
    assert "<b>nobody" not in kept.text
    assert "&lt;b&gt;nobody" in kept.text
    assert "region" in errors_of(await alice.post(at, {"mode": "append", "list": "918040001234", "region": "QQ"}))
    assert list_files.MOST_IN_LIST == 100_000
    monkeypatch.setattr(list_files, "MOST_IN_LIST", 1_000)  # to read so many takes a second
    as_long = "\n".join(f"{number:<13}" for number in phones(1_001)).ljust(1_400_000)
    assert "at most 1,000 numbers" in errors_of(await alice.post(at, {"mode": "append", "list": as_long}))["list"]
    assert (await alice.post(at, {"mode": "append", "list": "1" * 500_000})).status_code == 422


async def test_a_line_of_more_numbers_than_tables_have_columns_is_read_whole_without_a_choice(
    deps: Deps, business: Business, browse: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = f"{SETS}/{await make_set(deps, business)}/listing"
    alice = await browse.as_member(business.admin)
    monkeypatch.setattr(reader, "MOST_COLUMNS", 2)
    monkeypatch.setattr(list_files, "MOST_COLUMNS", 2)
    numbers = ["918040001234", "918040001235", "918040001236"]
    for count, can_choose in ((2, True), (3, False)):
        listed = numbers[:count]
        shown = await alice.follow(await alice.post(at, {"mode": "append", "list": ",".join(listed)}))
        assert 'value="{}"'.format("\n".join(listed)) in shown.text
        assert ('name="column"' in shown.text) == can_choose
    refused = await alice.post(at, {"mode": "append", "list": f"{numbers[0]}\n{','.join(numbers)}"})
    assert errors_of(refused)["list"].startswith("Line 2 has 3 columns, and at most 2 are read.")


async def test_a_rewrite_delists_the_rest_once_one_is_sure_of_rejected_lines(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    here = await make_set(deps, business)
    one, two, three = phones(3)
    await list_in(deps, business, here, one, two)
    alice = await browse.as_member(business.admin)
    at, text = f"{SETS}/{here}", f"{two}\n{three}\noops"
    shown = text_of(await alice.follow(await alice.post(f"{at}/listing", {"mode": "rewrite", "list": text})))
    assert "Numbers now 2 Numbers afterwards 2" in shown
    assert "1 number will be delisted. Its calls then show nothing." in shown
    assert "Delist: 1 leaves the feature set" in shown
    fields = {"mode": "rewrite", "numbers": f"{two}\n{three}", "rejected": "1"}
    unsure = await alice.post(f"{at}/listing/apply", fields)
    assert unsure.status_code == 422
    assert "sure" in errors_of(unsure)
    assert f'value="{two}\n{three}"' in unsure.text
    assert await states_of(deps, business.account.id) == {"listed": 2}
    said = await applied(alice, at, "rewrite", text, sure="on")
    assert "1 number is being listed and 1 number is being delisted." in said
    await run_jobs(deps)
    assert await states_of(deps, business.account.id) == {"listed": 2}
    assert "No changes" in await applied(alice, at, "rewrite", f"{two}\n{three}")
    log = await log_of(deps, business.account.id)
    assert sorted(entry.action for entry in log) == ["numbers.delisted", "numbers.listed"]


async def test_numbers_are_delisted_by_a_list_or_all_at_once(deps: Deps, business: Business, browse: Visitors) -> None:
    here, there = await make_set(deps, business), await make_set(deps, business, "Warehouse")
    one, two, three, other = phones(4)
    await list_in(deps, business, here, one, two, three)
    await list_in(deps, business, there, other)
    alice = await browse.as_member(business.admin)
    at = f"{SETS}/{here}"
    shown = text_of(
        await alice.follow(await alice.post(f"{at}/listing", {"mode": "delist", "list": f"{one}\n{other}"}))
    )
    assert "Delist: 1" in shown
    assert "Not in this feature set: 1" in shown
    assert "1 number is being delisted." in await applied(alice, at, "delist", f"{one}\n{other}")
    assert "3 numbers in Doorstep leave your account" in text_of(await alice.get(f"{at}/delist-all"))
    assert "2 numbers are being delisted." in text_of(await alice.follow(await alice.post(f"{at}/delist-all")))
    await run_jobs(deps)
    assert await states_of(deps, business.account.id) == {"listed": 1}


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept list", "list no longer kept"])
async def test_no_number_is_delisted_by_a_list_whose_preview_did_not_show_it(
    deps: Deps, business: Business, browse: Visitors, *, is_kept: bool
) -> None:
    here = await make_set(deps, business)
    one, two, bobs = phones(3)
    await list_in(deps, business, here, one)
    alice, at = await browse.as_member(business.admin), f"{SETS}/{here}/listing"
    for mode, text in (("rewrite", two), ("delist", f"{one}\n{bobs}")):
        fields = hidden_fields(await alice.follow(await alice.post(at, {"mode": mode, "list": text})))
        await list_in(deps, business, here, bobs)
        stale = await alice.post(f"{at}/apply", fields if is_kept else {**fields, "draft": ""})
        assert stale.status_code == 422
        said = text_of(stale)
        assert "This changed meanwhile. Check it again, then confirm." in said
        assert "2 numbers will be delisted. Their calls then show nothing." in said
        assert await states_of(deps, business.account.id) == {"listed": 2}
        await numbers.delist(deps, business.account.id, here, [bobs], by=SYSTEM)
        await run_jobs(deps)
    assert "1 number is being listed and 1 number is being delisted." in await applied(
        alice, f"{SETS}/{here}", "rewrite", two
    )


async def test_no_number_is_delisted_that_came_after_the_question_about_all(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    here = await make_set(deps, business)
    one, two = phones(2)
    await list_in(deps, business, here, one)
    alice, at = await browse.as_member(business.admin), f"{SETS}/{here}/delist-all"
    fields = hidden_fields(await alice.get(at))
    await list_in(deps, business, here, two)
    stale = await alice.post(at, fields)
    assert stale.headers["location"] == at
    asked = await alice.follow(stale)
    assert "This changed meanwhile. Check it again, then confirm." in text_of(asked)
    assert "2 numbers in Doorstep leave your account" in text_of(asked)
    assert await states_of(deps, business.account.id) == {"listed": 2}
    done = await alice.follow(await alice.post(at, hidden_fields(asked)))
    assert "2 numbers are being delisted." in text_of(done)


async def test_listing_without_a_label_leads_to_choosing_one(deps: Deps, business: Business, browse: Visitors) -> None:
    made = await feature_sets.create_feature_set(
        deps, business.account.id, business.process, NewFeatureSet("Bare"), by=SYSTEM
    )
    alice = await browse.as_member(business.admin)
    fields = {"mode": "append", "numbers": phones(1)[0]}
    answer = await alice.post(f"{SETS}/{made.id}/listing/apply", fields)
    assert answer.headers["location"] == f"{SETS}/{made.id}/edit"
    assert "Choose a label first" in text_of(await alice.follow(answer))
