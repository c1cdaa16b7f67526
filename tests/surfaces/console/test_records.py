from datetime import UTC, datetime, timedelta

import pytest
from tests.domain.personalisation.counted_calls import called, submit
from tests.support.audit_log import log_of
from tests.support.due_work import run_due_once
from tests.support.factories import Cast, Sent, make_label, phone, submit_batch
from tests.support.fake_clock import FakeClock
from tests.support.other_digits import other_digits
from tests.surfaces.console.browser import (
    Browser,
    Business,
    Visitors,
    errors_of,
    links_of,
    make_business,
    shown_number,
    text_of,
)

from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.labels.model import Label
from callmark.domain.personalisation import service
from callmark.domain.personalisation.model import Batch, Outcome, StoredRecord
from callmark.domain.personalisation.search import service as search
from callmark.domain.personalisation.search.service import BatchFilter
from callmark.domain.personalisation.validation import V2
from callmark.processes.worker import prepare
from callmark.record_rules.fields import NewRecord


@pytest.fixture
async def label(deps: Deps, business: Business) -> Label:
    """The business's dynamic label."""
    return await make_label(deps, business.account.id)


@pytest.fixture
async def alice(business: Business, browse: Visitors) -> Browser:
    """The admin's browser."""
    return await browse.as_member(business.admin)


async def pushed(deps: Deps, business: Business, label: Label, good: int = 1, bad: int = 0) -> Batch:
    """A batch of the business, which a worker has seen to."""
    batch = await submit(deps, Cast(business.account, "", "", "", label), good, bad=bad)
    await run_due_once(deps)
    return batch


async def only(deps: Deps, batch: Batch) -> StoredRecord:
    """A batch's one record."""
    (record,) = await service.records_of_batch(deps, batch.id, batch.account_id)
    return record


async def test_a_record_is_pushed_by_hand_and_its_outcome_shown_at_once(
    deps: Deps, business: Business, alice: Browser, label: Label
) -> None:
    receiver = phone()
    form = {
        "receiver": f"+{receiver[:2]} {receiver[2:7]}-{receiver[7:]}",
        "caller": "+91 (80) 4000 1234",
        "label_id": str(label.id),
        "label_name": "",
        "call_reason": "Your parcel arrives today",
        "starts_at": "2026-01-01T18:30",
        "time_zone": "Asia/Kolkata",
        "hours": "2",
    }
    shown = await alice.follow(await alice.post("/console/push", form))
    text = text_of(shown)
    assert "Not a user of the app: the receiver has no handset with the app" in text
    assert shown_number(receiver) in text
    assert "Window opens 1 Jan 2026, 13:00:00 (in 3 hours)" in text
    record = (await service.records_of_batch(deps, (await newest(deps, business)).id, business.account.id))[0]
    assert (record.caller_number, record.key.receiver_number) == ("918040001234", receiver)
    assert record.starts_at == deps.clock.now() + timedelta(hours=3)
    assert record.key.ends_at == deps.clock.now() + timedelta(hours=5)
    assert "no country" not in text
    (entry,) = await log_of(deps, business.account.id)
    assert entry.action == "record.pushed"
    assert receiver not in str(entry)
    strange = await alice.follow(await alice.post("/console/push", form | {"receiver": "9900000001"}))
    assert "+9900000001 fits no country: its country code may be missing." in text_of(strange)


async def newest(deps: Deps, business: Business) -> Batch:
    """The business's last batch."""
    found = await search.list_batches(deps, business.account.id, BatchFilter(), None)
    return found.batches[0].batch


async def test_everything_wrong_with_a_push_is_said_beside_its_field_and_input_is_kept(
    alice: Browser, label: Label
) -> None:
    form = {
        "receiver": "nobody",
        "caller": "",
        "label_id": str(label.id),
        "label_name": "No",
        "call_reason": "Sale!",
        "starts_at": "soon",
        "hours": "25",
    }
    refused = await alice.post("/console/push", form)
    assert refused.status_code == 422
    assert set(errors_of(refused)) == {"receiver", "caller", "label_name", "call_reason", "starts_at", "hours"}
    assert 'value="Sale!"' in refused.text
    national = errors_of(await alice.post("/console/push", form | {"caller": "080 4000 1234"}))
    assert national["caller"] == (
        "Caller number starts with 0. Write it with its country code, such as +91 80 4000 1234"
    )
    assert national["receiver"] == "Receiver number is not a phone number"
    within = errors_of(await alice.post("/console/push", form | {"receiver": "99000 00001"}))
    assert within["receiver"] == (
        "Receiver number fits no country. Write it with its country code, such as +91 80 4000 1234"
    )
    past = await alice.post("/console/push", form | {"starts_at": "2025-12-31T00:00", "hours": "1", "time_zone": "UTC"})
    assert errors_of(past)["hours"] == "End is in the past"
    last = {"starts_at": "9999-12-31T23:30", "hours": "24", "time_zone": "UTC"}
    assert "hours" in errors_of(await alice.post("/console/push", form | last))  # it would end after the last year


async def test_a_zone_that_is_not_known_and_a_time_that_it_skips_are_errors_beside_their_fields(
    deps: Deps, business: Business, alice: Browser, label: Label
) -> None:
    form = {"receiver": phone(), "caller": phone(), "label_id": str(label.id), "starts_at": "2026-01-01T18:30"}
    for unknown in ("Mars/Olympus", ""):
        refused = await alice.post("/console/push", form | {"hours": "2", "time_zone": unknown})
        assert list(errors_of(refused)) == ["time_zone"]
        assert refused.status_code == 422
    skipped = {"starts_at": "2026-03-29T02:30", "hours": "2", "time_zone": "Europe/Berlin"}
    refused = await alice.post("/console/push", form | skipped)
    assert errors_of(refused) == {
        "starts_at": "Choose another time: clocks in Europe/Berlin skip this one or show it twice"
    }
    await alice.follow(await alice.post("/console/push", form | {"hours": "2", "time_zone": "Asia/Calcutta"}))
    record = await only(deps, await newest(deps, business))
    assert record.starts_at == datetime(2026, 1, 1, 13, tzinfo=UTC)


async def test_batches_are_listed_by_date_and_state_and_paged_by_key(
    deps: Deps, business: Business, browse: Visitors, label: Label, clock: FakeClock
) -> None:
    alice = await browse.as_member(business.admin)
    assert "No batches yet" in text_of(await alice.get("/console/batches"))
    old = await pushed(deps, business, label, 2, bad=1)
    clock.advance(timedelta(days=1))
    await prepare(deps)
    alice = await browse.as_member(business.admin)  # nobody stays signed in for a day without use
    for _ in range(26):
        await submit(deps, Cast(business.account, "", "", "", label), 1)
    first = await alice.get("/console/batches")
    assert str(old.id) not in first.text
    (more,) = [link for link in links_of(first) if "after=" in link]
    last = await alice.get(more)
    assert "2 not pushed · 1 invalid" in text_of(last)
    assert str(old.id) in (await alice.get("/console/batches", until="2026-01-01")).text
    assert str(old.id) not in (await alice.get("/console/batches", since="2026-01-02")).text
    nowhere = await alice.get("/console/batches", until="2026-01-01", zone="Nowhere/City")
    assert (nowhere.status_code, "Zone is not a time zone name" in text_of(nowhere)) == (400, True)
    done = await alice.get("/console/batches", state="done", since="no date")
    assert done.text.count('data-label="Batch id"') == 1


async def test_a_batch_shows_its_funnel_and_its_records_by_outcome(
    deps: Deps, business: Business, alice: Browser, label: Label
) -> None:
    batch = await pushed(deps, business, label, 60, bad=2)
    path = f"/console/batches/{batch.id}"
    shown = await alice.get(path)
    assert "Batch of 62 records" in text_of(shown)
    assert "Not a user of the app (60)" in text_of(shown)
    assert "Sent 0 sent to the handset Pushed 0 confirmed by the handset" in text_of(shown)
    bad = text_of(await alice.get(path, state="invalid"))
    assert "Receiver number is not a phone number" in bad
    assert "Position 61" not in bad
    (more,) = [link for link in links_of(shown) if "after=" in link]
    assert more.endswith("after=49")
    assert (await alice.get(more)).text.count('data-label="Position"') == 12
    assert "60 identities" in text_of(await alice.get(f"{path}/withdraw"))
    done = await alice.follow(await alice.post(f"{path}/withdraw"))
    assert "60 records were withdrawn" in text_of(done)
    assert f"{path}/withdraw" not in done.text


async def test_a_record_tells_its_life_in_the_order_of_time(
    deps: Deps, business: Business, alice: Browser, label: Label, clock: FakeClock
) -> None:
    record = await only(deps, await pushed(deps, business, label))
    clock.advance(timedelta(minutes=2))
    await service.acknowledge(deps, [record.key])
    clock.advance(timedelta(minutes=3))
    await called(deps, record, CallEvent.SHOWN, CallEvent.ANSWERED)
    clock.advance(timedelta(minutes=1))
    text = text_of(await alice.get(f"/console/records/{record.key.id}"))
    parts = [
        "Timeline Accepted 1 Jan 2026, 10:00:00 (6 minutes ago)",
        "Not a user of the app",
        "Delivered late",
        "Shown",
        "Answered",
        "Window ends",
    ]
    places = [text.index(part, text.index("Timeline")) for part in parts]
    assert places == sorted(places)


async def test_a_record_tells_the_wake_ups_of_its_phone_until_it_arrived(
    deps: Deps, business: Business, alice: Browser, label: Label, clock: FakeClock
) -> None:
    record = await only(deps, await pushed(deps, business, label))
    sent = [record.accepted_at + timedelta(minutes=minutes) for minutes in (-5, 1, 7)]
    async with deps.db.connection() as tx:
        await tx.execute(
            "INSERT INTO wake_up (phone_number, wanted_until, sent_ats) VALUES ($1, $2, $3)",
            *(record.key.receiver_number, record.key.ends_at, sent),
        )
    path = f"/console/records/{record.key.id}"
    assert text_of(await alice.get(path)).count("Wake-up sent") == 2
    clock.advance(timedelta(minutes=2))
    await service.acknowledge(deps, [record.key])
    text = text_of(await alice.get(path))
    assert text.count("Wake-up sent") == 1
    assert text.rindex("Wake-up sent") < text.rindex("Delivered late")


async def test_a_record_is_withdrawn_after_being_asked(
    deps: Deps, business: Business, alice: Browser, label: Label, browse: Visitors
) -> None:
    record = await only(deps, await pushed(deps, business, label))
    path = f"/console/records/{record.key.id}"
    assert "no longer shows" in text_of(await alice.get(f"{path}/withdraw"))
    charlie = await browse.as_member((await make_business(deps, "Borealis")).admin)
    for foreign in (path, f"{path}/withdraw", f"/console/batches/{record.batch_id}"):
        assert (await charlie.get(foreign)).status_code == 404
    assert (await charlie.post(f"{path}/withdraw")).status_code == 404
    done = await alice.follow(await alice.post(f"{path}/withdraw"))
    assert "The record was withdrawn" in text_of(done)
    assert f"{path}/withdraw" not in done.text
    assert (await service.get_record(deps, business.account.id, record.key.id)).withdrawn_at


async def test_an_invalid_record_shows_what_was_sent_and_never_as_markup(
    deps: Deps, business: Business, alice: Browser, label: Label
) -> None:
    evil = "<img src=x onerror=alert(1)>"
    bad = Sent(NewRecord("918040001234", evil, str(label.id), None, evil, 1, 2), f'{{"receiver":"{evil}"}}'.encode)
    batch = await submit_batch(deps, business.account.id, V2, [bad])
    record = await only(deps, batch)
    for path in (f"records/{record.key.id}", f"batches/{batch.id}", "records"):
        shown = await alice.get(f"/console/{path}")
        assert evil not in shown.text
        assert evil[:30] in text_of(shown)


async def test_pages_show_an_invalid_record_whatever_was_sent_as_its_receiver(
    deps: Deps, business: Business, alice: Browser, label: Label
) -> None:
    every = ("1e999", "9" * 5000, '["+91"]', '"+91 1"')
    for count, sent in enumerate(every, 1):
        bad = Sent(NewRecord("918040001234", "x", str(label.id), None, None, 1, 2), f'{{"receiver":{sent}}}'.encode)
        batch = await submit_batch(deps, business.account.id, V2, [bad])
        record = await only(deps, batch)
        for path in (f"records/{record.key.id}", f"batches/{batch.id}", "records", "records?state=invalid"):
            shown = await alice.get(f"/console/{path}")
            assert shown.status_code == 200, (path, sent)
            wanted = every[:count] if path.startswith("records") and "/" not in path else (sent,)
            assert [one for one in wanted if one.strip('"')[:40] not in text_of(shown)] == [], path


async def test_records_are_searched_by_numbers_as_people_write_them(
    deps: Deps, business: Business, alice: Browser, label: Label
) -> None:
    assert "No call records yet" in text_of(await alice.get("/console/records"))
    record = await only(deps, await pushed(deps, business, label))
    receiver = record.key.receiver_number
    other = await only(deps, await pushed(deps, business, label))
    found = await alice.get("/console/records", receiver=f"+{receiver[:2]} {receiver[2:]}")
    assert shown_number(receiver) in text_of(found)
    assert str(other.key.id) not in found.text
    assert shown_number(receiver) in text_of(await alice.get("/console/records", receiver=f"00 {receiver[:5]}"))
    by_caller = await alice.get("/console/records", caller="00 91 80 4000 1234", state=Outcome.NOT_REGISTERED)
    assert {str(record.key.id), str(other.key.id)} <= {link.rpartition("/")[2] for link in links_of(by_caller)}
    assert "No matches" in text_of(await alice.get("/console/records", caller="+46701234567"))
    assert "this is not a phone number" in text_of(await alice.get("/console/records", receiver="x"))
    assert (await alice.get("/console/records", after="WyIiLCIiLCIiXQ")).status_code == 200


async def test_records_are_narrowed_to_those_since_a_day_of_the_visitors_zone(
    deps: Deps, business: Business, browse: Visitors, label: Label, clock: FakeClock
) -> None:
    old = await only(deps, await pushed(deps, business, label))  # at noon of 1 January in UTC
    clock.advance(timedelta(days=1))
    await prepare(deps)
    alice = await browse.as_member(business.admin)
    new = await only(deps, await pushed(deps, business, label))
    links = {id_: f"/console/records/{id_.key.id}" for id_ in (old, new)}
    narrowed = await alice.get("/console/records", since="2026-01-02", zone="UTC", state=Outcome.NOT_REGISTERED)
    assert links_of(narrowed) & {*links.values()} == {links[new]}
    assert 'type="date" name="since" value="2026-01-02"' in " ".join(narrowed.text.split())
    assert links_of(await alice.get("/console/records", since="2026-01-01")) >= {*links.values()}
    assert links_of(await alice.get("/console/records", since="no day")) >= {*links.values()}
    assert "No matches" in text_of(await alice.get("/console/records", since="2026-01-03"))
    assert (await alice.get("/console/records", zone="Nowhere/City")).status_code == 400


async def test_ids_are_found_as_pages_show_them(
    deps: Deps, business: Business, alice: Browser, label: Label, browse: Visitors
) -> None:
    first, second = await pushed(deps, business, label), await pushed(deps, business, label, good=2)
    record = await only(deps, first)
    one, two = str(first.id), str(second.id)
    listed = await alice.get("/console/batches")
    assert f">{two[-8:]}<" in listed.text
    for typed in (two[-8:], two[-8:].upper(), f"…{two[-8:]}", two, f" {two} "):
        found = await alice.get("/console/batches", q=typed)
        assert f"/console/batches/{two}" in links_of(found), typed
        assert f"/console/batches/{one}" not in links_of(found), typed
    assert "No matches" in text_of(await alice.get("/console/batches", q="not an id"))
    id_ = str(record.key.id)
    for typed in (id_[-8:], id_, one[-8:], f"…{one[-8:]}"):
        found = await alice.get("/console/records", q=typed)
        assert {link for link in links_of(found) if "/records/" in link} == {f"/console/records/{id_}"}, typed
    assert len([link for link in links_of(await alice.get("/console/records", q=two[-8:])) if "/records/" in link]) == 2
    assert "Id: enter at least 4" in text_of(await alice.get("/console/records", q="zz"))
    charlie = await browse.as_member((await make_business(deps, "Borealis")).admin)
    for typed in (id_, id_[-8:], one[-8:]):
        assert f"/console/records/{id_}" not in links_of(await charlie.get("/console/records", q=typed))


async def test_a_search_finds_while_one_types(deps: Deps, business: Business, alice: Browser, label: Label) -> None:
    record = await only(deps, await pushed(deps, business, label))
    to, link = record.key.receiver_number, f"/console/records/{record.key.id}"
    for end in range(3, len(to) + 1):
        found = await alice.get("/console/records", receiver=other_digits(f"+{to[:2]} {to[2:end]}"))
        assert link in links_of(found), to[:end]
        assert "Write it with its country code" not in text_of(found)
    assert record.caller_number
    found = await alice.get("/console/records", caller=f"+{record.caller_number[:4]} {record.caller_number[4:7]}")
    assert link in links_of(found)
    assert link not in links_of(await alice.get("/console/records", receiver=f"+{to[:6]}{int(to[6]) ^ 1}"))


async def test_it_says_what_a_receiver_would_see_and_why(
    deps: Deps, business: Business, alice: Browser, label: Label
) -> None:
    record = await only(deps, await pushed(deps, business, label))
    asked = await alice.get("/console/resolve", receiver=f"+{record.key.receiver_number}", caller="+918040001234")
    assert "Nothing shows The receiver has no registered handset." in text_of(asked)
    missing = await alice.get("/console/resolve", receiver="12", caller="")
    assert set(errors_of(missing)) == {"receiver", "caller"}
    assert "fits no country" not in text_of(asked)
    strange = text_of(await alice.get("/console/resolve", receiver="9900000001", caller="8040001234"))
    assert "+9900000001 and +8040001234 fit no country: their country codes may be missing." in strange
    national = await alice.get("/console/resolve", receiver="918040001234", caller="080 4000 1234")
    assert errors_of(national)["caller"].startswith("This starts with 0. Write it with its country code")
    assert "this starts with 0" in text_of(await alice.get("/console/records", caller="080 4000 1234"))
    assert errors_of(await alice.get("/console/resolve")) == {}
