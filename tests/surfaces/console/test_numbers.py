import re
from html import escape, unescape
from urllib.parse import parse_qsl

import pytest
from tests.domain.numbers.staging import phones, reviewing, run_jobs, states_of
from tests.support.actors import ALICE, OPERATOR
from tests.support.audit_log import log_of
from tests.support.factories import make_number_group
from tests.support.listed_number import SOMEBODY
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
from tests.surfaces.console.listing import NUMBERS, SETS, list_in, make_set

from callmark.domain.deps import Deps
from callmark.domain.mail import service as mail
from callmark.domain.numbers import reviews, service as numbers
from callmark.domain.numbers.model import JobKind
from callmark.domain.policy.model import SYSTEM, WHOLE_ACCOUNT
from callmark.domain.structure import service as structure
from callmark.surfaces.console import numbers as console_numbers


async def test_the_list_is_searched_filtered_and_turned_by_key(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    here, there = await make_set(deps, business), await make_set(deps, business, "Warehouse")
    many, few = phones(60), phones(2)
    await list_in(deps, business, here, *many)
    await list_in(deps, business, there, *few)
    await numbers.delist(deps, business.account.id, there, few[:1], by=ALICE)
    alice = await browse.as_member(business.admin)

    async def found(**wanted: str) -> set[str]:
        return set(re.findall(rf'href="{NUMBERS}/(\d+)"', (await alice.get(NUMBERS, **wanted)).text))

    listed = await alice.get(NUMBERS)
    (further,) = [link for link in links_of(listed) if "before=" in link]
    rest = await alice.get(further)
    on_both = set(re.findall(rf'href="{NUMBERS}/(\d+)"', listed.text + rest.text))
    assert on_both == {*many, *few}
    for written in ("+", "00"):
        assert await found(q=f"{written}{many[7][:3]} {many[7][3:]}") == {many[7]}
    assert await found(q="00") == await found()  # as far as it is typed
    assert await found(q="ware") == {*few}
    assert await found(state="delisting") == {few[0]}
    assert await found(set=str(there), state="listed") == {few[1]}
    assert await found(place=str(business.other_department)) == set()
    assert len(await found(place=str(business.process))) == 50
    assert re.search(f'value="{here}".*value="{there}"', listed.text, re.DOTALL)  # the filter offers both, by name
    assert f'value="{there}"' not in (await alice.get(NUMBERS, place=str(business.other_department))).text
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
    answer = await numbers.publish(review, business.account.id, here, [bad], by=ALICE)
    assert answer.job_id
    await reviews.reject(deps, answer.job_id, "not yours", by=OPERATOR)
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
    operation = deps, business.account.id, business.operation
    elsewhere = await structure.create_process(*operation, name="First mile", by=SYSTEM)
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
    for job in await reviews.list_jobs(deps, business.account.id, WHOLE_ACCOUNT):
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
    (job,) = await reviews.list_jobs(deps, business.account.id, WHOLE_ACCOUNT)
    alice = await browse.as_member(business.admin)
    stream = await alice.get(f"{NUMBERS}/jobs/{job.id}/progress")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert '"done":3,"total":3' in stream.text
    assert '"finished":true' in stream.text
    pending = phones(1)
    await numbers.publish(deps, business.account.id, here, pending, by=ALICE)
    (running, _) = await reviews.list_jobs(deps, business.account.id, WHOLE_ACCOUNT)
    at, number = f"{SETS}/{here}/listing", f"{NUMBERS}/{pending[0]}"
    shown = [await alice.get(page) for page in (at, f"{NUMBERS}/jobs", f"{NUMBERS}/jobs/{running.id}", number)]
    shown += [await alice.post(f"{at}/apply", {"mode": "none"}), await alice.post(f"{number}/prove", {"code": "1"})]
    for page in shown:
        assert f'data-progress="{NUMBERS}/jobs/{running.id}/progress"' in page.text
        assert "console/progress.js" in page.text
        assert f'data-progress="{NUMBERS}/jobs/{job.id}/progress"' not in page.text
        (address,) = set(re.findall(r'data-refreshed="([^"]+)"', page.text))  # a page that can be asked for
        assert (await alice.get(address)).status_code == 200


async def test_an_approval_asks_which_name_shows_and_gives_all_numbers(
    deps: Deps, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    deps, listed = reviewing(deps), phones(12)
    monkeypatch.setattr("callmark.surfaces.console.reviews._MOST", 1)  # as many as there are
    await numbers.publish(deps, business.account.id, await make_set(deps, business), listed, by=ALICE)
    (job,) = await reviews.list_jobs(deps, business.account.id, WHOLE_ACCOUNT)
    async with visitors(deps) as browse:
        olive = await browse.as_operator(await make_operator(deps))
        at = f"/console/operator/reviews/{job.id}"
        waiting = await olive.get("/console/operator/reviews")
        assert f'href="{at}/numbers.csv"' in waiting.text
        assert "There are more" not in waiting.text
        file = await olive.get(f"{at}/numbers.csv")
        assert file.headers["content-type"] == "text/csv; charset=utf-8"
        assert file.text.splitlines() == ["phone_number", *sorted(listed)]
        asked = text_of(await olive.get(f"{at}/approve"))
        assert "List 12 numbers of Acme" in asked
        assert "Calls from them show Label of Doorstep." in asked


async def test_a_review_is_of_the_numbers_that_have_not_left_it(deps: Deps, business: Business) -> None:
    deps, listed = reviewing(deps), phones(5)
    here = deps, business.account.id, await make_set(deps, business)
    await numbers.publish(*here, listed, by=ALICE)
    await numbers.delist(*here, listed[:3], by=ALICE)
    made = await reviews.list_jobs(deps, business.account.id, WHOLE_ACCOUNT)
    (job,) = [one for one in made if one.kind is JobKind.PUBLISH]
    async with visitors(deps) as browse:
        olive = await browse.as_operator(await make_operator(deps))
        at = "/console/operator/reviews"
        assert "2 numbers" in text_of(await olive.get(at))
        assert "2 numbers in Doorstep will fail" in text_of(await olive.get(f"{at}/{job.id}/reject"))
        assert "List 2 numbers of Acme" in text_of(await olive.get(f"{at}/{job.id}/approve"))
        done = await olive.follow(await olive.post(f"{at}/{job.id}/approve"))
        assert "Approved: 2 numbers will be listed." in text_of(done)
    (entry,) = [one for one in await log_of(deps, business.account.id) if one.action == "listing.approved"]
    assert entry.details["numbers"] == 2
    async with deps.db.connection() as tx:
        (sent,) = [one for one in await mail.list_mails(tx, 100) if "approved" in one.subject]
    assert sent.subject == "Acme: 2 numbers were approved"


async def test_where_nothing_is_reviewed_the_page_of_reviews_says_so(olive: Browser) -> None:
    assert "lists numbers without review" in text_of(await olive.get("/console/operator/reviews"))


async def test_an_operator_approves_and_rejects_what_waits_and_both_are_noted(deps: Deps, business: Business) -> None:
    deps = reviewing(deps)
    here = await make_set(deps, business)
    good, bad = phones(2)
    for number in (good, bad):
        await numbers.publish(deps, business.account.id, here, [number], by=ALICE)
    mine = {job.number_count: job for job in await reviews.list_jobs(deps, business.account.id, WHOLE_ACCOUNT)}
    assert len(mine) == 1
    (second, first) = await reviews.list_jobs(deps, business.account.id, WHOLE_ACCOUNT)
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
        for what in ("reject", "approve", "numbers.csv"):
            late = await olive.get(f"{at}/{second.id}/{what}")
            assert (late.status_code, "Someone may have decided it already." in text_of(late)) == (404, True), what
        await run_jobs(deps)
        alice = await browse.as_member(business.admin)
        told = (await alice.get(f"{NUMBERS}/{bad}")).text
        assert escape("<i>no</i>") in told
        assert "<i>no" not in told
        assert "Listed" in text_of(await alice.get(f"{NUMBERS}/{good}"))
        assert (await alice.get(at)).status_code == 404
    log = await log_of(deps, business.account.id)
    noted = [entry.action for entry in log if entry.by_operator]
    assert noted == ["listing.rejected", "listing.approved"]
    assert {entry.action for entry in log if not entry.by_operator} == {"numbers.listed"}


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


async def test_the_next_page_the_file_and_all_that_are_chosen_are_of_the_same_filters(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    here = await make_set(deps, business)
    await list_in(deps, business, here, *phones(51))
    filters = {
        "q": "Door",
        "state": "listed",
        "proof": "unproven",
        "place": str(business.department),
        "set": str(here),
    }
    shown = unescape((await (await browse.as_member(business.admin)).get(NUMBERS, **filters)).text)
    for path in (NUMBERS, f"{NUMBERS}/export", f"{NUMBERS}/chosen"):
        leads_to = [dict(parse_qsl(one)) for one in re.findall(rf'(?:href|action)="{path}\?([^"]+)"', shown)]
        assert [{name: one.get(name) for name in filters} for one in leads_to] == [filters], path


async def test_what_is_done_to_chosen_numbers_goes_back_to_the_same_filters_and_page(
    deps: Deps, business: Business, browse: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await make_set(deps, business)
    listed = phones(3)
    await list_in(deps, business, here, *listed)
    alice = await browse.as_member(business.admin)
    shown = (await alice.get(NUMBERS, set=str(here), state="listed")).text
    filters = f"state=listed&set={here}"
    assert f'action="{NUMBERS}/chosen?{escape(filters)}"' in shown
    at, back = f"{NUMBERS}/chosen?{filters}&before=x", f"{NUMBERS}?{filters}&before=x"
    assert (await alice.post(at, {"do": "delist"})).headers["location"] == back
    assert (await alice.post(at, {"do": "again", "number": listed})).headers["location"] == back
    asked = (await alice.post(at, {"do": "delist", "number": listed})).text
    assert f'href="{escape(back)}" data-ask-back' in asked
    delist = f"{NUMBERS}/delist?{filters}&before=x"
    assert f'action="{escape(delist)}"' in asked
    monkeypatch.setattr(console_numbers, "_MOST_CHOSEN", 2)
    for path, form in ((at, {"do": "delist", "all": "on"}), (delist, {"number": listed})):
        many = await alice.post(path, form)
        assert many.headers["location"] == back
        assert "At most 2 numbers can be selected at once." in text_of(await alice.follow(many))
    monkeypatch.undo()
    assert (await alice.post(delist, {"number": listed[:1]})).headers["location"] == back
