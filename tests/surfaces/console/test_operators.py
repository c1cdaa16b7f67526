"""The page of operators: added and removed; and that members find no page of theirs."""

from tests.surfaces.console.browser import (
    PASSWORD,
    Browser,
    Business,
    Visitors,
    errors_of,
    links_of,
    make_operator,
    text_of,
)

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.operators import service as operators
from callmark.kit.ids import random_text

LIST = "/console/operator/operators"


async def test_an_operator_is_added_signs_in_and_is_removed(deps: Deps, olive: Browser, browse: Visitors) -> None:
    email = f"otto-{random_text(8).lower()}@operator.example"
    fields = {"email": email, "name": "Otto", "password": PASSWORD, "again": PASSWORD}
    page = await olive.follow(await olive.post(f"{LIST}/new", fields))
    assert "Otto can now sign in" in text_of(page)
    otto = browse()
    await otto.get("/console/sign-in")
    await otto.post("/console/sign-in", {"email": email, "password": PASSWORD})
    assert (await otto.get(LIST)).status_code == 200
    made = next(one for one in await operators.list_operators(deps) if one.email == email)
    assert f"{email} is signed out immediately" in text_of(await olive.get(f"{LIST}/{made.id}/remove"))
    await olive.follow(await olive.post(f"{LIST}/{made.id}/remove"))
    assert (await otto.get(LIST)).status_code == 303
    entries = await audit.list_entries(deps, None, AuditFilter(text=email))
    assert {"operator.created", "operator.deleted"} <= {entry.action for entry in entries}
    assert all(PASSWORD not in str(entry) for entry in entries)


async def test_an_operator_keeps_itself_and_needs_an_address_of_its_own(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    operator = await make_operator(deps)
    olive = await browse.as_operator(operator)
    assert f"{LIST}/{operator.id}/remove" not in links_of(await olive.get(LIST))
    kept = await olive.follow(await olive.post(f"{LIST}/{operator.id}/remove"))
    assert "You cannot remove yourself; ask another operator." in text_of(kept)
    fields = {"email": business.admin.email, "name": "Alice", "password": PASSWORD, "again": PASSWORD}
    taken = await olive.post(f"{LIST}/new", fields)
    assert "a member with this email already exists" in errors_of(taken)[""].lower()
    differing = await olive.post(f"{LIST}/new", fields | {"email": "o@operator.example", "again": "other"})
    assert "do not match" in errors_of(differing)["again"]
    assert PASSWORD not in differing.text
