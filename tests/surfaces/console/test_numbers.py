import re
from html import escape

from tests.domain.numbers.staging import phones, reviewing, run_jobs, states_of
from tests.factories import make_label, make_number_group
from tests.listed import SOMEBODY
from tests.surfaces.console.browser import (
    Browser,
    Business,
    Visitors,
    errors_of,
    links_of,
    make_business,
    make_operator,
    shown_number,
    text_of,
    visitors,
)

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.ids import FeatureSetId, ProcessId
from callmark.domain.labels.model import LabelType
from callmark.domain.numbers import reviews
from callmark.domain.numbers import service as numbers
from callmark.domain.structure import nodes
from callmark.domain.structure import service as structure
from callmark.domain.structure.model import NewFeatureSet
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber

NUMBERS = "/console/numbers"
SETS = "/console/feature-sets"


async def make_set(
    deps: Deps, business: Business, name: str = "Doorstep", process: ProcessId | None = None
) -> FeatureSetId:
    """A draft with a label."""
    label = await make_label(deps, business.account.id, label_type=LabelType.STATIC, name=f"Label of {name}")
    made = await structure.create_feature_set(
        deps,
        business.account.id,
        process or business.process,
        NewFeatureSet(name, label_id=label.id),
        created_by_email=SOMEBODY,
    )
    return made.id


async def list_in(deps: Deps, business: Business, feature_set_id: FeatureSetId, *listed: str) -> None:
    """Lists numbers, and waits for it."""
    await numbers.publish(deps, business.account.id, feature_set_id, listed, SOMEBODY)
    await run_jobs(deps)


async def applied(browser: Browser, at: str, mode: str, text: str, **more: str) -> str:
    """What the page says after a list went through preview and apply, with what the preview's form holds."""
    shown = await browser.follow(await browser.post(f"{at}/listing", {"mode": mode, "list": text, **more}))
    fields = dict(re.findall(r'type="hidden" name="(mode|numbers|rejected|draft)" value="([^"]*)"', shown.text))
    return text_of(await browser.follow(await browser.post(f"{at}/listing/apply", {**fields, **more})))


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
        "Held by another business: 1",
    ):
        assert bucket in said
    assert "Numbers now 1 Numbers afterwards 3" in said
    assert "1 line repeats a number" in said
    assert "4 hello its country code does not exist" in said or "4 hello not a phone number" in said
    assert await states_of(deps, business.account.id) == {"listed": 2}
    assert "2 numbers are being listed." in await applied(paul, f"{SETS}/{here}", "append", text)
    assert await states_of(deps, business.account.id) == {"listed": 2, "pending": 2}
    log = await audit.list_entries(deps, business.account.id, AuditFilter())
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
    hidden = r'type="hidden" name="(mode|numbers|rejected|draft)" value="([^"]*)"'
    fields = dict(re.findall(hidden, (await alice.get(preview)).text))
    unsure = await alice.post(f"{at}/apply", fields)
    assert "sure" in errors_of(unsure)
    assert "2 hello not a phone number" in text_of(unsure) or "3 hello not a phone number" in text_of(unsure)
    assert (await alice.post(f"{at}/apply", {**fields, "sure": "on"})).status_code == 303
    assert (await alice.get(preview)).status_code == 404


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
    deps: Deps, business: Business, browse: Visitors
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
    long = await alice.post(at, {"mode": "append", "list": "\n".join(phones(100_001))})
    assert "at most 100,000 numbers" in errors_of(long)["list"]
    assert (await alice.post(at, {"mode": "append", "list": "1" * 5_000_000})).status_code in {413, 422}


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
    assert "1 number will be delisted" in shown
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
    log = await audit.list_entries(deps, business.account.id, AuditFilter())
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


async def test_listing_without_a_label_leads_to_choosing_one(deps: Deps, business: Business, browse: Visitors) -> None:
    made = await structure.create_feature_set(
        deps, business.account.id, business.process, NewFeatureSet("Bare"), created_by_email=SOMEBODY
    )
    alice = await browse.as_member(business.admin)
    fields = {"mode": "append", "numbers": phones(1)[0]}
    answer = await alice.post(f"{SETS}/{made.id}/listing/apply", fields)
    assert answer.headers["location"] == f"{SETS}/{made.id}/edit"
    assert "Choose a label first" in text_of(await alice.follow(answer))


async def test_the_list_is_searched_filtered_and_turned_by_key(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    here, there = await make_set(deps, business), await make_set(deps, business, "Warehouse")
    many, few = phones(60), phones(2)
    await list_in(deps, business, here, *many)
    await list_in(deps, business, there, *few)
    await numbers.delist(deps, business.account.id, there, few[:1], SOMEBODY)
    alice = await browse.as_member(business.admin)

    async def found(**wanted: str) -> set[str]:
        return set(re.findall(rf'href="{NUMBERS}/(\d+)"', (await alice.get(NUMBERS, **wanted)).text))

    listed = await alice.get(NUMBERS)
    (further,) = [link for link in links_of(listed) if "before=" in link]
    rest = await alice.get(further)
    on_both = set(re.findall(rf'href="{NUMBERS}/(\d+)"', listed.text + rest.text))
    assert on_both == {*many, *few}
    assert await found(q=f"+{many[7][:3]} {many[7][3:]}") == {many[7]}
    assert await found(q="ware") == {*few}
    assert await found(state="delisting") == {few[0]}
    assert await found(set=str(there), state="listed") == {few[1]}
    assert await found(place=str(business.other_department)) == set()
    assert len(await found(place=str(business.process))) == 50
    assert "No matches" in text_of(await alice.get(NUMBERS, q="nobody"))
    assert len(await found(before="rubbish")) == 50
    file = await alice.get(f"{NUMBERS}/export", set=str(there))
    assert file.headers["content-type"].startswith("text/csv")
    assert [line.split(",")[:5] for line in file.text.splitlines()[1:]] == [
        [number, state, "", "verified", "Warehouse"]
        for number, state in sorted(zip(few, ("delisting", "listed"), strict=True), reverse=True)
    ]
    assert len((await alice.get(f"{NUMBERS}/export")).text.splitlines()) == 63


async def test_chosen_numbers_are_delisted_after_being_asked_and_failed_ones_listed_again(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    review = reviewing(deps)
    here, there = await make_set(deps, business), await make_set(deps, business, "Warehouse")
    one, two, bad = phones(3)
    await list_in(deps, business, here, one)
    await list_in(deps, business, there, two)
    answer = await numbers.publish(review, business.account.id, here, [bad], SOMEBODY)
    assert answer.job_id
    await reviews.reject(deps, answer.job_id, "not yours", "olive@operator.example")
    await run_jobs(deps)
    paul = await browse.as_member(business.process_owner)
    assert "Failed not yours" in text_of(await paul.get(NUMBERS))
    assert "could not be listed: not yours" in text_of(await paul.get(f"{NUMBERS}/{bad}"))
    assert "Select numbers first" in text_of(await paul.follow(await paul.post(f"{NUMBERS}/chosen", {"do": "again"})))
    again = await paul.follow(await paul.post(f"{NUMBERS}/chosen", {"do": "again", "number": [one, bad]}))
    assert "1 number is being listed again." in text_of(again)
    asked = await paul.post(f"{NUMBERS}/chosen", {"do": "delist", "number": [one, two]})
    assert "Delist 2 numbers?" in text_of(asked)
    assert await states_of(deps, business.account.id) == {"listed": 2, "pending": 1}
    done = await paul.follow(await paul.post(f"{NUMBERS}/delist", {"number": [one, two]}))
    assert "2 numbers are being delisted." in text_of(done)
    assert await states_of(deps, business.account.id) == {"delisting": 2, "pending": 1}
    assert "leaves your account" in text_of(await paul.get(f"{NUMBERS}/{bad}/delist"))
    await paul.follow(await paul.post(f"{NUMBERS}/{bad}/delist"))
    assert await states_of(deps, business.account.id) == {"delisting": 3}


async def test_owners_see_and_touch_only_the_numbers_of_their_place(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    elsewhere = await nodes.create_process(deps, business.account.id, business.operation, name="First mile")
    here, there = await make_set(deps, business), await make_set(deps, business, "Warehouse", elsewhere.id)
    foreign = await make_business(deps, "Borealis")
    mine, theirs, foreigns = phones(3)
    await list_in(deps, business, here, mine)
    await list_in(deps, business, there, theirs)
    await list_in(deps, foreign, await make_set(deps, foreign), foreigns)
    paul = await browse.as_member(business.process_owner)
    listed = await paul.get(NUMBERS)
    assert mine in listed.text
    assert theirs not in listed.text
    assert theirs not in (await paul.get(NUMBERS, set=str(there))).text
    assert theirs not in (await paul.get(f"{NUMBERS}/export")).text
    assert "No matches" in text_of(await paul.get(NUMBERS, q=theirs))
    assert theirs not in (await paul.get(NUMBERS, place=str(business.department))).text
    for unknown in (theirs, foreigns):
        for way in ("", "/delist"):
            assert (await paul.get(f"{NUMBERS}/{unknown}{way}")).status_code == 404
        for way in ("/delist", "/again"):
            assert (await paul.post(f"{NUMBERS}/{unknown}{way}")).status_code == 404
    asked = await paul.post(f"{NUMBERS}/chosen", {"do": "delist", "number": [mine, theirs, foreigns]})
    assert mine in asked.text
    assert theirs not in asked.text
    assert foreigns not in asked.text
    assert (await paul.post(f"{NUMBERS}/chosen", {"do": "delist", "number": [theirs]})).status_code == 303
    assert (await paul.post(f"{NUMBERS}/delist", {"number": [theirs]})).status_code == 303
    assert await states_of(deps, business.account.id) == {"listed": 2}
    await paul.post(f"{NUMBERS}/delist", {"number": [foreigns]})
    assert await states_of(deps, foreign.account.id) == {"listed": 1}
    jobs = await paul.get(f"{NUMBERS}/jobs")
    assert "Doorstep" in jobs.text
    assert "Warehouse" not in jobs.text
    for job in await reviews.list_jobs(deps, business.account.id):
        status = 200 if job.feature_set_id == here else 404
        assert (await paul.get(f"{NUMBERS}/jobs/{job.id}")).status_code == status
        assert (await paul.get(f"{NUMBERS}/jobs/{job.id}/progress")).status_code == status


async def test_numbers_of_a_number_group_are_for_admins_and_only_to_look_at(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    group = await make_number_group(deps, business.account.id, name="Old console")
    (number,) = phones(1)
    async with deps.db.transaction() as tx:
        await tx.execute(
            "INSERT INTO number (phone_number, account_id, feature_set_id, phone_type, state, created_by_email,"
            " created_at, updated_at) VALUES ($1, $2, $3, 'verified', 'listed', $4, $5, $5)",
            *(number, business.account.id, group, SOMEBODY, deps.clock.now()),
        )
        await tx.execute("UPDATE feature_set SET number_count = 1 WHERE id = $1", group)
    alice = await browse.as_member(business.admin)
    assert "Old console Number group" in text_of(await alice.get(NUMBERS))
    assert "to migrate it" in text_of(await alice.get(f"{NUMBERS}/{number}"))
    refused = await alice.follow(await alice.post(f"{NUMBERS}/delist", {"number": [number]}))
    assert "no numbers are being delisted" in text_of(refused).lower()
    dora = await browse.as_member(business.department_owner)
    assert number not in (await dora.get(NUMBERS)).text
    assert (await dora.get(f"{NUMBERS}/{number}")).status_code == 404


async def test_a_jobs_progress_is_streamed_until_it_has_ended(deps: Deps, business: Business, browse: Visitors) -> None:
    here = await make_set(deps, business)
    await list_in(deps, business, here, *phones(3))
    (job,) = await reviews.list_jobs(deps, business.account.id)
    alice = await browse.as_member(business.admin)
    stream = await alice.get(f"{NUMBERS}/jobs/{job.id}/progress")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert '"done":3,"total":3' in stream.text
    assert '"finished":true' in stream.text
    await numbers.publish(deps, business.account.id, here, phones(1), SOMEBODY)
    (running, _) = await reviews.list_jobs(deps, business.account.id)
    for page in (f"{SETS}/{here}/listing", f"{NUMBERS}/jobs", f"{NUMBERS}/jobs/{running.id}"):
        shown = (await alice.get(page)).text
        assert f'data-progress="{NUMBERS}/jobs/{running.id}/progress"' in shown
        assert f'data-progress="{NUMBERS}/jobs/{job.id}/progress"' not in shown


async def test_an_operator_approves_and_rejects_what_waits_and_both_are_noted(deps: Deps, business: Business) -> None:
    deps = reviewing(deps)
    here = await make_set(deps, business)
    good, bad = phones(2)
    for number in (good, bad):
        await numbers.publish(deps, business.account.id, here, [number], SOMEBODY)
    mine = {job.number_count: job for job in await reviews.list_jobs(deps, business.account.id)}
    assert len(mine) == 1
    (second, first) = await reviews.list_jobs(deps, business.account.id)
    async with visitors(deps) as browse:
        olive = await browse.as_operator(await make_operator(deps))
        at = "/console/operator/reviews"
        shown = text_of(await olive.get(at))
        assert "Label of Doorstep" in shown
        assert shown_number(good) in shown
        assert "without review" not in shown
        approved = await olive.follow(await olive.post(f"{at}/{first.id}/approve"))
        assert "Approved: 1 number will be listed." in text_of(approved)
        assert "is not awaiting review" in text_of(await olive.follow(await olive.post(f"{at}/{first.id}/approve")))
        asked = await olive.get(f"{at}/{second.id}/reject")
        assert "1 number in Doorstep will fail" in text_of(asked)
        assert "reason" in errors_of(await olive.post(f"{at}/{second.id}/reject", {"reason": " "}))
        assert "reason" in errors_of(await olive.post(f"{at}/{second.id}/reject", {"reason": "x" * 201}))
        await olive.follow(await olive.post(f"{at}/{second.id}/reject", {"reason": "<i>no</i>"}))
        assert (await olive.get(f"{at}/{second.id}/reject")).status_code == 404
        await run_jobs(deps)
        alice = await browse.as_member(business.admin)
        told = (await alice.get(f"{NUMBERS}/{bad}")).text
        assert escape("<i>no</i>") in told
        assert "<i>no" not in told
        assert "Listed" in text_of(await alice.get(f"{NUMBERS}/{good}"))
        assert (await alice.get(at)).status_code == 404
    log = await audit.list_entries(deps, business.account.id, AuditFilter())
    assert [entry.action for entry in log] == ["listing.rejected", "listing.approved"]
    assert all(entry.by_operator for entry in log)


async def test_all_that_the_filters_leave_are_chosen_and_not_one_page_of_them(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    here, there = await make_set(deps, business), await make_set(deps, business, "Warehouse")
    await list_in(deps, business, here, *phones(1_100))
    await list_in(deps, business, there, *phones(2))
    alice = await browse.as_member(business.admin)
    page = await alice.get(NUMBERS, set=str(here))
    assert "All numbers that match the filters, on every page" in text_of(page)
    asked = await alice.post(f"{NUMBERS}/chosen?set={here}", {"do": "delist", "all": "on"})
    assert "Delist 1,100 numbers?" in text_of(asked)
    chosen = re.findall(r'name="number" value="(\d+)"', asked.text)
    done = await alice.follow(await alice.post(f"{NUMBERS}/delist", {"number": chosen}))
    assert "1,100 numbers are being delisted" in text_of(done)
    await run_jobs(deps)
    assert await states_of(deps, business.account.id) == {"listed": 2}
