"""Members: invited downwards and inside one's own place only (contract, section 12.1)."""

import re

import pytest
from tests.support.audit_log import log_of
from tests.support.listed_number import make_listed
from tests.surfaces.console.browser import (
    PASSWORD,
    Browser,
    Business,
    Visitors,
    errors_of,
    links_of,
    mailed_token,
    make_business,
    make_operator,
    newest_mail,
    text_of,
)
from tests.surfaces.console.callback_requests import asks

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditFilter
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.members import service as members
from callmark.domain.policy.model import SYSTEM, Actor, ActorKind, Role
from callmark.domain.policy.plan import MANAGEMENT
from callmark.domain.sessions.model import MemberState
from callmark.kit.ids import random_text


def _address() -> str:
    return f"new-{random_text(8).lower()}@acme.example"


async def test_an_admin_invites_and_the_mail_leads_in(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    email = _address()
    answer = await alice.post(
        "/console/members/invite", {"email": email, "name": "", "role": f"process_owner:{business.process}"}
    )
    assert email in text_of(await alice.follow(answer))
    assert "Alice has invited you" in await newest_mail(deps, email)
    (entry,) = await audit.list_entries(deps, business.account.id, AuditFilter(action="member.invited"))
    assert (entry.subject, entry.actor_email) == (email, business.admin.email)
    assert re.split(" . ", str(entry.details["place"])) == ["Logistics", "Delivery", "Last mile"]


async def test_an_address_gets_five_invitations_an_hour_and_what_was_typed_stays(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    """Members choose a part of the text, and the address need not be of anyone who knows them."""
    alice, email = await browse.as_member(business.admin), _address()
    form = {"email": email, "name": "Bo", "role": f"process_owner:{business.process}"}
    assert (await alice.post("/console/members/invite", form)).status_code == 303
    (invited,) = [one for one in await members.list_members(deps, business.account.id) if one.email == email]
    again = [await alice.post(f"/console/members/{invited.id}/invite-again") for _ in range(5)]
    assert [answer.status_code for answer in again] == [303] * 5
    assert "Too many invitations were sent. Try again in 60 minutes." in text_of(await alice.follow(again[-1]))
    sent = await audit.list_entries(deps, business.account.id, AuditFilter(action="member.invited_again"))
    assert len(sent) == 4
    await members.delete_without_rules(deps, business.account.id, invited.id, by=SYSTEM)
    refused = await alice.post("/console/members/invite", form)
    assert refused.status_code == 429
    assert "Too many invitations were sent. Try again in 60 minutes" in errors_of(refused)["email"]
    assert 'value="Bo"' in refused.text
    olive = Actor(ActorKind.OPERATOR, "olive@operator.example")
    node, role = business.process, Role.PROCESS_OWNER
    invite = members.invite_member(
        deps, business.account.id, by=olive, inviter="Olive", email=email, name="", role=role, node_id=node
    )
    assert (await invite).email == email


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        (
            Role.DEPARTMENT_OWNER,
            ["department_owner:{department}", "operation_owner:{operation}", "process_owner:{process}"],
            ["admin:", "department_owner:{other}", "department_owner:{operation}", "process_owner:"],
        ),
        (
            Role.OPERATION_OWNER,
            ["operation_owner:{operation}", "process_owner:{process}"],
            ["admin:", "department_owner:{department}", "department_owner:{other}"],
        ),
        (
            Role.PROCESS_OWNER,
            ["process_owner:{process}"],
            ["admin:", "operation_owner:{operation}", "department_owner:{department}"],
        ),
    ],
)
async def test_owners_invite_only_downwards_and_inside_their_place(
    business: Business, browse: Visitors, role: Role, may: list[str], may_not: list[str]
) -> None:
    nodes = {
        "department": business.department,
        "operation": business.operation,
        "process": business.process,
        "other": business.other_department,
    }
    browser = await browse.as_member(business.members[role])
    offered = (await browser.get("/console/members/invite")).text
    for offer in (one.format(**nodes) for one in may):
        assert f'value="{offer}"' in offered
        answer = await browser.post("/console/members/invite", {"email": _address(), "name": "N", "role": offer})
        assert answer.status_code == 303, offer
    for offer in (one.format(**nodes) for one in may_not):
        assert f'value="{offer}"' not in offered
        email = _address()
        answer = await browser.post("/console/members/invite", {"email": email, "name": "N", "role": offer})
        assert answer.status_code == 422, offer
        assert "role" in errors_of(answer)
        assert f'value="{email}"' in answer.text


async def test_owners_see_and_change_only_members_inside_their_place(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    oscar = await browse.as_member(business.operation_owner)
    listed = await oscar.get("/console/members")
    assert business.process_owner.email in listed.text
    assert business.admin.email not in listed.text
    assert business.department_owner.email not in listed.text
    for hidden in (business.admin, business.department_owner):
        for path in ("", "/revoke", "/delete"):
            assert (await oscar.get(f"/console/members/{hidden.id}{path}")).status_code == 404
        assert (await oscar.post(f"/console/members/{hidden.id}/delete")).status_code == 404
    await oscar.follow(await oscar.post(f"/console/members/{business.process_owner.id}/revoke"))
    paul = await members.get_member(deps, business.account.id, business.process_owner.id)
    assert paul.state is MemberState.REVOKED


async def test_the_last_admin_stays_and_nobody_ends_itself(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    me = f"/console/members/{business.admin.id}"
    for path in ("/revoke", "/delete"):
        refused = await alice.follow(await alice.post(me + path))
        assert "You cannot do this to yourself." in text_of(refused)
    changed = await alice.post(me, {"name": "Alice", "role": f"process_owner:{business.process}"})
    assert "own role" in errors_of(changed)[""]
    assert f"{me}/delete" not in links_of(await alice.get("/console/members"))
    renamed = await alice.post(me, {"name": "Alice B.", "role": "admin:"})
    assert "Alice B." in text_of(await alice.follow(renamed))


async def test_a_member_gets_another_role_and_is_revoked_restored_and_deleted(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    paul = await browse.as_member(business.process_owner)
    his = f"/console/members/{business.process_owner.id}"
    role = f"department_owner:{business.other_department}"
    listed = await make_listed(deps, account_id=business.account.id, process_id=business.process)
    request = await asks(deps, listed)
    await paul.post(f"/console/callbacks/{request.id}/take")
    made = Actor(ActorKind.MEMBER, business.process_owner.email)
    await credentials.create_key(deps, business.account.id, by=made, name="his script", features=[MANAGEMENT])
    for question in (f"{his}/revoke", f"{his}/delete"):
        asked = text_of(await alice.get(question))
        assert "1 callback request that they have taken becomes new again." in asked
        assert "his script: an API key of theirs that stays valid." in asked
    saved = text_of(await alice.follow(await alice.post(his, {"name": "Paul", "role": role})))
    assert "Paul was saved. 1 callback request that they had taken is new again." in saved
    assert "callback request" not in text_of(await alice.get(f"{his}/revoke"))
    moved = await members.get_member(deps, business.account.id, business.process_owner.id)
    assert (moved.role, moved.node_id) == (Role.DEPARTMENT_OWNER, business.other_department)
    assert (await paul.get("/console")).status_code == 200
    await alice.follow(await alice.post(his, {"name": "Paul", "role": role}))  # the same again: nothing to note
    for _ in range(2):
        await alice.post(f"{his}/revoke")
    assert (await paul.get("/console")).status_code == 303
    for _ in range(2):
        assert "can sign in again" in text_of(await alice.follow(await alice.post(f"{his}/restore")))
    await alice.follow(await alice.post(f"{his}/delete"))
    assert (await alice.get(his)).status_code == 404
    log = [one.action for one in await log_of(deps, business.account.id, business.process_owner.email)]
    assert log[:4] == ["member.deleted", "member.restored", "member.revoked", "member.changed"]
    assert log.count("member.changed") == 1


async def test_a_taken_address_is_refused_beside_nothing_lost(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    answer = await alice.post(
        "/console/members/invite", {"email": business.process_owner.email.upper(), "name": "X", "role": "admin:"}
    )
    assert "already exists" in errors_of(answer)[""]
    bad = await alice.post("/console/members/invite", {"email": "not an address", "name": "X", "role": "admin:"})
    assert "email" in errors_of(bad)


async def test_a_members_name_is_never_taken_for_markup(deps: Deps, business: Business, browse: Visitors) -> None:
    evil = "<script>alert(1)</script>"
    await members.update_without_rules(deps, business.account.id, business.process_owner.id, name=evil, by=SYSTEM)
    alice = await browse.as_member(business.admin)
    his = f"/console/members/{business.process_owner.id}"
    for path in ("/console/members", his, f"{his}/revoke", f"{his}/delete"):
        assert evil not in (await alice.get(path)).text


async def test_no_role_is_given_that_nobody_chose(business: Business, browse: Visitors, deps: Deps) -> None:
    """The first of the offered is the highest: a form sent as it opened may not make an admin."""
    alice = await browse.as_member(business.admin)
    lost = await members.create_without_rules(
        deps,
        business.account.id,
        email=_address(),
        name="Lou",
        role=Role.PROCESS_OWNER,
        state=MemberState.ACTIVE,
        by=SYSTEM,
    )
    for page in ("/console/members/invite", f"/console/members/{lost.id}"):
        opened = await alice.get(page)
        assert re.findall(r'<option value="([^"]*)"', opened.text)[0] == ""
        assert "selected" not in opened.text
        refused = await alice.post(page, {"email": _address(), "name": "Lou", "role": ""})
        assert "choose a role" in errors_of(refused)["role"].lower()


async def _invited(browser: Browser, email: str) -> tuple[int, str]:
    """What an invitation answers: status, and all that the next page says, without the address."""
    answer = await browser.post("/console/members/invite", {"email": email, "name": "Nina", "role": "admin:"})
    return answer.status_code, text_of(await browser.follow(answer)).replace(email, "…")


async def test_who_is_a_member_elsewhere_is_invited_like_anybody_and_its_own_mail_says_so(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    other = await make_business(deps, "Borealis")
    operator = await make_operator(deps)
    pending = await members.create_without_rules(
        deps, other.account.id, email=f"new-{random_text(6)}@x.example".lower(), name="New", role=Role.ADMIN, by=SYSTEM
    )
    answers: set[tuple[int, str]] = set()
    for email in (f"nobody-{random_text(6)}@x.example", other.admin.email, operator.email, pending.email):
        alice = await browse.as_member(business.admin)
        answers.add(await _invited(alice, email))
        mail = await newest_mail(deps, email)
        assert "has invited you to manage the caller identity of Acme" in mail
        assert ("another business" in mail) == (email in {other.admin.email, operator.email})
        member = next(one for one in await members.list_members(deps, business.account.id) if one.email == email)
        assert member.state is MemberState.INVITED
        assert "Borealis" not in mail
        await members.delete_without_rules(deps, business.account.id, member.id, by=SYSTEM)
    assert len(answers) == 1


async def test_an_address_belongs_to_the_first_who_accepts(deps: Deps, business: Business, browse: Visitors) -> None:
    other = await make_business(deps, "Borealis")
    email = f"nina-{random_text(6)}@x.example".lower()
    tokens: list[str] = []
    for inviter in (business.admin, other.admin):
        assert (await _invited(await browse.as_member(inviter), email))[0] == 303
        tokens.append(await mailed_token(deps, email))
    form = {"name": "Nina", "password": "four unrelated words here", "again": "four unrelated words here"}
    first, second = browse(), browse()
    await first.get(f"/console/invitations/{tokens[0]}")
    assert (await first.post(f"/console/invitations/{tokens[0]}", form)).status_code == 303
    await second.get(f"/console/invitations/{tokens[1]}")
    late = await second.post(f"/console/invitations/{tokens[1]}", form)
    assert late.status_code == 422
    assert "an address belongs to one" in errors_of(late)[""]
    assert 'value="Nina"' in late.text
    borealis = next(one for one in await members.list_members(deps, other.account.id) if one.email == email)
    acme = next(one for one in await members.list_members(deps, business.account.id) if one.email == email)
    assert (acme.state, borealis.state) == (MemberState.ACTIVE, MemberState.INVITED)
    charlie = await browse.as_member(other.admin)  # revoking and restoring tell nothing either
    for step in ("revoke", "restore", "invite-again"):
        assert (await charlie.post(f"/console/members/{borealis.id}/{step}")).status_code == 303
    await members.delete_without_rules(deps, business.account.id, acme.id, by=SYSTEM)
    freed = browse()
    token = await mailed_token(deps, email)
    await freed.get(f"/console/invitations/{token}")
    assert (await freed.post(f"/console/invitations/{token}", form)).status_code == 303


async def test_who_uses_an_address_signs_in_whoever_else_invites_it(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    other = await make_business(deps, "Borealis")
    await _invited(await browse.as_member(other.admin), business.admin.email.upper())
    alice = browse()
    await alice.get("/console/sign-in")
    answer = await alice.post("/console/sign-in", {"email": business.admin.email, "password": PASSWORD})
    assert answer.status_code == 303
    assert "Acme" in text_of(await alice.follow(answer))
