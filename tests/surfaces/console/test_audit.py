"""The page of the audit log: paged, searched, one account's alone, and what it says of an operator who acts."""

import re

from tests.support.audit_log import log_of
from tests.support.table_rows import put_row
from tests.surfaces.console.browser import Business, Visitors, links_of, make_operator, text_of

from callmark.domain.audit.model import AuditAction
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.surfaces.console import audit_names


async def test_the_log_is_paged_filtered_and_searched(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    for number in range(60):
        await alice.post("/console/settings", {"name": f"Acmé {number}"})
    first = await alice.get("/console/audit", action="account.changed")
    (next_page,) = [link for link in links_of(first) if "after=" in link]
    second = await alice.get(next_page)
    assert first.text.count("<tr>") == 51
    assert second.text.count("<tr>") == 11
    assert "Acmé 0" in text_of(second)
    assert "Acmé 59" in text_of(first)
    for text in ("Acmé 59", "aCME\u0301 59"):
        assert text_of(await alice.get("/console/audit", q=text)).count("Account changed") == 2  # filter and row
    assert "No changes found" in text_of(await alice.get("/console/audit", action="key.created"))
    assert (await alice.get("/console/audit", after="nonsense")).status_code == 200
    assert "No changes found" in text_of(await alice.get("/console/audit", q="%"))


async def test_one_account_never_sees_another_ones_log(deps: Deps, business: Business, browse: Visitors) -> None:
    from tests.surfaces.console.browser import make_business

    charlies = await make_business(deps, "Charlie")
    charlie = await browse.as_member(charlies.admin)
    await charlie.post("/console/settings", {"name": "Charlie's secret plan"})
    alice = await browse.as_member(business.admin)
    assert "secret plan" not in text_of(await alice.get("/console/audit"))


async def test_what_an_operator_does_for_a_business_is_in_its_log(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    operator = await make_operator(deps)
    olive = await browse.as_operator(operator)
    asked = await olive.get(f"/console/operator/accounts/{business.account.id}/act")
    assert "Act for Acme?" in text_of(asked)
    await olive.post(f"/console/operator/accounts/{business.account.id}/act")
    await olive.post("/console/keys/new", {"name": "by olive", "features": "call_me_back"})
    await olive.post("/console/operator/stop-acting")
    (key,) = await credentials.list_keys(deps, business.account.id)
    assert key.created_by_email == operator.email
    log = await log_of(deps, business.account.id)
    assert [entry.action for entry in log] == ["operator.stopped", "key.created", "operator.acts"]
    assert all(entry.by_operator and entry.actor_email == operator.email for entry in log)
    alice = await browse.as_member(business.admin)
    assert operator.email in text_of(await alice.get("/console/audit"))
    assert "by olive" in text_of(await olive.get("/console/operator/audit"))


async def test_a_change_that_fails_leaves_no_line_in_the_log(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    for number in range(5):
        await credentials.create_key(deps, business.account.id, name=f"k{number}", features=[], by=SYSTEM)
    await alice.post("/console/keys/new", {"name": "sixth", "features": "call_me_back"})
    assert await log_of(deps, business.account.id) == []


async def test_the_filter_of_the_audit_log_offers_every_action(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    shown = (await alice.get("/console/audit")).text
    assert re.findall(r'<option value="([^"]+)"', shown) == list(AuditAction)


async def test_an_action_that_only_older_versions_have_written_is_shown_and_found(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    older: dict[str, object] = {"account_id": business.account.id, "action": "fax_line.cut_off", "subject": "by fax"}
    async with deps.db.transaction() as tx:
        await put_row(tx, "audit_entry", deps.clock.now(), older)
    alice = await browse.as_member(business.admin)
    assert "Fax line cut off" in text_of(await alice.get("/console/audit"))
    assert "by fax" in text_of(await alice.get("/console/audit", action="fax_line.cut_off"))


def test_what_is_stored_of_an_action_is_its_name() -> None:
    for action in AuditAction:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*", action)
        assert action.name == action.replace(".", "_").upper()


def test_what_is_noted_is_said_in_the_words_of_the_pages() -> None:
    assert audit_names.changed("callback_config.changed") == "Call Me Back configuration changed"
    assert audit_names.changed("callback.taken") == "Call Me Back request taken"
    assert audit_names.changed("number_group.created") == "Number group created"
    noted = {"event_types": ["cmb", "user_feedback"], "honours_retry_after": False, "stops_on_gone": True}
    more = {"is_address_new": True, "role": "process_owner", "records": 0, "place": "", "key_id": None}
    assert audit_names.details(noted | more) == (
        "events: Call Me Back, User Feedback; honour Retry-After: no; stop on 410: yes; new URL: yes; "
        "role: Process Owner; records: 0"
    )
