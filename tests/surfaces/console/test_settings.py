"""The page of an account's settings."""

from tests.surfaces.console.browser import Business, Visitors, errors_of

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps


async def test_an_admin_changes_the_name_and_asks_for_codes(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    await alice.follow(await alice.post("/console/settings", {"name": "Acme Ltd", "requires_code": "on"}))
    account = await accounts.get_account(deps, business.account.id)
    assert (account.name, account.requires_code) == ("Acme Ltd", True)
    refused = await alice.post("/console/settings", {"name": " "})
    assert "name" in errors_of(refused)
    await alice.post("/console/settings", {"name": "Acme Ltd"})
    assert not (await accounts.get_account(deps, business.account.id)).requires_code
