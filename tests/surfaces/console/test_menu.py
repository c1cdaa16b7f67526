"""The menus: where each page is, and that every page of the account marks its entry."""

import re

import httpx
from tests.surfaces.console.browser import Business, Visitors

from callmark.surfaces.console import menu
from callmark.surfaces.console.routes import TABLE

CURRENT = re.compile(r'<a class="(?:nav-link|dropdown-item active)" href="([^"]+)" aria-current="page"')


def marked(page: httpx.Response) -> list[str]:
    """The entries of the menus that a page says it belongs to."""
    return CURRENT.findall(page.text)


ENTRIES = {
    "/console": "/console",
    "/console/labels/new": "/console/labels",
    "/console/uploads": "/console/batches",
    "/console/callbacks/configurations": "/console/callbacks",
    "/console/keys/new": "/console/keys",
    "/console/webhooks": "/console/webhooks",
    "/console/webhook-events": "/console/webhook-events",
    "/console/reference": "/console/reference",
    "/console/usage": "/console/usage",
    "/console/audit": "/console/audit",
    "/console/settings": "/console/settings",
    "/console/members": "/console/members",
    "/console/me": "/console/me",
}
"""By page: the entry that it belongs to."""


def test_every_entry_leads_to_a_page() -> None:
    sections = (*menu.BUSINESS, *menu.OPERATOR)
    entries = [*(item for section in sections for item in section.items), *menu.BOTTOM, *menu.OVERFLOW]
    pages = {route.path for route in TABLE if route.method == "GET"}
    assert len(entries) > 30
    assert [item.path for item in entries if item.path not in pages] == []


async def test_a_page_marks_the_one_entry_that_it_belongs_to(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    assert {page: marked(await alice.get(page)) for page in ENTRIES} == {page: [one] for page, one in ENTRIES.items()}


async def test_caller_id_details_stand_under_identity_and_keys_and_webhooks_in_both_menus(
    business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    html = (await alice.get("/console")).text
    names = re.findall(r'<p class="cs-nav-(?:title|group)">([^<]+)</p>|nav-link-title">([^<]+)</span>', html)
    panel = [title or entry for title, entry in names]
    start = panel.index("Business identity")
    assert panel[start : start + 3] == ["Business identity", "Identity", "Caller ID Details"]
    assert {"API keys", "Webhooks"} <= set(panel[panel.index("Developers") :])
    overflow = re.findall(r'<a class="dropdown-item[^>]*>.*?</svg>([^<]+)</a>', html)
    assert {"Manage API Keys", "Manage Webhooks"} <= set(overflow)


async def test_who_may_not_see_keys_has_no_entry_for_developers(business: Business, browse: Visitors) -> None:
    alice, paul = await browse.as_member(business.admin), await browse.as_member(business.process_owner)
    assert "/console/keys" in (await alice.get("/console")).text  # menus are kept, and this one is hers
    html = (await paul.get("/console")).text
    assert "/console/keys" not in html
    assert "/console/webhooks" not in html
