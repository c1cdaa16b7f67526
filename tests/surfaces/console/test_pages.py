"""What every page keeps, driven by the route table and the contexts."""

import re
from functools import cache
from itertools import cycle, product
from pathlib import Path

import pytest
from jinja2 import meta, nodes
from starlette.requests import Request
from tests.support.cases import for_each
from tests.surfaces.console.browser import Business, Visitors, links_of, make_business, make_operator, text_of
from tests.surfaces.tenancy.console_ids import kinds_of
from tests.surfaces.tenancy.worlds import make_world

from callmark.domain.deps import Deps
from callmark.domain.policy.model import Action, Role, allows
from callmark.domain.sessions.model import Origin
from callmark.kit.errors import AppError, InvalidInput, Unavailable
from callmark.kit.ids import new_id
from callmark.surfaces.console import errors
from callmark.surfaces.console.pages import TEMPLATES, Page, env
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.console.route import Access, ConsoleRoute
from callmark.surfaces.console.routes import TABLE
from callmark.surfaces.emulator.pages.rendering import templates as of_emulator
from callmark.surfaces.reference.app import templates as of_reference

_ALWAYS = {"layout", "k", *env.globals}


def _subclasses(kind: type[Page]) -> list[type[Page]]:
    return [one for child in kind.__subclasses__() for one in (child, *_subclasses(child))]


@cache
def _variables(template: str) -> set[str]:
    """What a template and those it includes need from outside."""
    tree = env.parse((TEMPLATES / template).read_text())
    included = [
        str(one.template.value) for one in tree.find_all(nodes.Include) if isinstance(one.template, nodes.Const)
    ]
    imported = {one.target for one in tree.find_all(nodes.Import)}
    return meta.find_undeclared_variables(tree).union(*(_variables(one) for one in included)) - imported


@for_each(_subclasses(Page), lambda page: page.__name__)
def test_a_template_and_its_context_agree(page: type[Page]) -> None:
    assert _variables(page.template) - _ALWAYS == set(page.__struct_fields__)


def test_every_template_belongs_to_a_page_or_to_the_kit() -> None:
    shared = {"base.html", "bare.html", "layout.html", "kit/kit.html", "kit/set_choice.html"}
    pages = {page.template for page in _subclasses(Page)}
    there = {str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html")}
    partials = {name for name in there if name.rpartition("/")[2].startswith("_")}
    assert there - shared - partials == pages


def test_every_page_is_in_the_documentation() -> None:
    told = (Path(__file__).parents[3] / "docs/console.md").read_text()
    for entry in TABLE:
        parts = entry.path.split("/")
        root = "/".join(parts[:3] if parts[1:2] == ["operator"] else parts[:2]) or "/"
        if entry.method == "GET":
            assert f"`{root}" in told, entry.path


def test_no_template_has_scripts_or_styles_of_its_own() -> None:
    for path in TEMPLATES.rglob("*.html"):
        text = path.read_text()
        assert " style=" not in text, path
        assert "<style" not in text, path
        assert " onclick=" not in text, path
        assert "<script>" not in text, path


_UNESCAPED = re.compile(
    r"(\||\bfilter)\s*safe\b|\bautoescape\b|\bMarkup\(|\bMarkup as\b|__html__|\.(inner|outer)HTML"
    r"|insertAdjacentHTML|createContextualFragment|document\.write"
    r"|\s[\w-]+=(?!{%-? if)[^\"'<> {,()]*{[{%]"  # an attribute without quotes
)
_OF_OURS = {
    "console/templates": {"' aria-current=\"page\"'|safe"},
    "emulator/pages/mails.py": {"Markup('<a href=\"{0}\">{0}</a>')", 'Markup("")'},
    "templates.py": {"autoescape=True"},
}
"""What has no text of other people in it."""


def test_no_text_is_taken_for_markup() -> None:
    """Templates escape each value, which stands in quotes; modules and scripts make no markup in another way."""
    assert [made.autoescape for made in (env, of_emulator, of_reference)] == [True] * 3
    surfaces = TEMPLATES.parents[1]
    for path in (one for kind in ("html", "py", "js") for one in surfaces.rglob(f"*.{kind}")):
        name = str(path.relative_to(surfaces))
        if "/vendor/" not in name:
            text = path.read_text()
            for known in {one for begin, ours in _OF_OURS.items() if name.startswith(begin) for one in ours}:
                text = text.replace(known, "")
            assert not _UNESCAPED.search(text), name


def _filled(entry: ConsoleRoute) -> str:
    """The entry's address with ids that nobody has."""
    path = entry.path
    while "{" in path:
        path = path[: path.index("{")] + str(new_id()) + path[path.index("}") + 1 :]
    return f"/console{path}"


_GUARDED = [entry for entry in TABLE if isinstance(entry.needs, Action)]


def test_owners_reach_what_belongs_to_a_place_and_read_the_library() -> None:
    owners = [role for role in Role if role is not Role.ADMIN]
    reached = {"GET": set[str](), "POST": set[str]()}
    for entry in TABLE:
        if isinstance(entry.needs, Action) and any(allows(role, entry.needs) for role in owners):
            reached[entry.method].add(entry.path.split("/")[1])
    of_place = {"callbacks", "campaigns", "feature-sets", "members", "numbers", "structure"}
    assert reached == {"GET": of_place | {"labels", "call-reasons", "reference"}, "POST": of_place}


async def test_each_role_reaches_its_pages_and_sees_nothing_from_elsewhere(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    """403 exactly where the policy says so. Routes with ids are in `tests/surfaces/tenancy`."""
    found: list[str] = []
    own = await make_world(deps, business.account.id)  # at a place that no owner of its own sees
    foreign = await make_world(deps, (await make_business(deps, "Borealis")).account.id)
    browsers = {role: await browse.as_member(business.members[role]) for role in Role}
    seen: dict[Role, set[str]] = {role: set() for role in Role}
    for role, entry in product(Role, (one for one in _GUARDED if not kinds_of(one.path))):
        assert isinstance(entry.needs, Action)
        browser, path = browsers[role], _filled(entry)
        answer = await (browser.get(path) if entry.method == "GET" else browser.post(path))
        if entry.needs is Action.OPERATE:
            expected = {404}
        elif allows(role, entry.needs):
            expected = {404} if "{" in entry.path else {200, 303, 400, 422}
        else:
            expected = {403}
        if answer.status_code not in expected:
            found.append(f"{role} {entry.method} {entry.path}: {answer}, and not one of {expected}")
        found += [f"{role} {entry.path}: another's {kind}" for kind, id_ in foreign.items() if id_ in answer.text]
        seen[role] |= {kind for kind, id_ in own.items() if id_ in answer.text}
    assert found == []
    library = {"callReasonId", "clientAccountId", "dynamicLabelId", "labelId"}
    assert seen.pop(Role.ADMIN) > library | {"batchId", "campaignId", "featureSetId", "memberId", "webhookId"}
    assert [*seen.values()] == [library] * 3


async def test_an_operator_reaches_a_businesss_pages_only_while_acting(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    olive = await browse.as_operator(await make_operator(deps))
    for entry in _GUARDED:
        if entry.method == "GET" and "{" not in entry.path:
            status = (await olive.get(_filled(entry))).status_code
            assert status == (200 if entry.needs is Action.OPERATE else 403), entry.path
    await olive.follow(await olive.post(f"/console/operator/accounts/{business.account.id}/act"))
    for entry in _GUARDED:
        if entry.method == "GET" and "{" not in entry.path:
            linked = f"{_filled(entry)}?account={business.account.id}"  # as links to files have it
            assert (await olive.get(linked)).status_code == 200, entry.path
    assert "You are acting for Acme as an operator" in text_of(await olive.get("/console"))
    await olive.post("/console/operator/stop-acting")
    assert (await olive.get("/console/keys")).status_code == 403


async def test_a_form_whose_thing_is_gone_says_so_and_leads_to_the_list(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice, olive = await browse.as_member(business.admin), await browse.as_operator(await make_operator(deps))
    lists = {f"/console{entry.path}" for entry in TABLE if entry.method == "GET"}
    said: dict[str, bool] = {}
    for entry in _GUARDED:
        path = _filled(entry)
        leads_to = f"/console{entry.path.partition('/{')[0]}"
        if entry.method != "POST" or leads_to not in lists or "{" not in entry.path:
            continue
        gone = await (olive if entry.needs is Action.OPERATE else alice).post(path)
        if gone.status_code == 404:
            said[entry.path] = "No longer there" in text_of(gone) and leads_to in links_of(gone)
    assert len(said) > 40
    assert [path for path, is_said in said.items() if not is_said] == []


async def test_a_role_is_shown_no_link_that_it_may_not_follow(business: Business, browse: Visitors) -> None:
    shown: dict[Role, set[str]] = {}
    for role in Role:
        browser = await browse.as_member(business.members[role])
        seen = links_of(await browser.get("/console")) | links_of(await browser.get("/console/members"))
        refused = {_filled(e) for e in _GUARDED if "{" not in e.path and not allows(role, e.needs)}  # type: ignore[arg-type] - _GUARDED has actions alone
        shown[role] = seen & refused
    assert shown == {role: set() for role in Role}


async def test_strangers_are_sent_to_sign_in_and_their_forms_do_nothing(browse: Visitors) -> None:
    stranger = browse()
    for entry in TABLE:
        if entry.needs is Access.ANYBODY or "{" in entry.path:
            continue
        path = _filled(entry)
        answer = await (stranger.get(path) if entry.method == "GET" else stranger.post(path))
        assert answer.status_code == 303, entry.path
        assert answer.headers["location"].startswith("/console/sign-in"), entry.path


async def test_a_form_without_its_token_or_from_another_site_is_refused(business: Business, browse: Visitors) -> None:
    """Every form without a token, and by turns with one of another session or from one of three other sites.

    Both are judged before it is known which form it is.
    """
    alice, bob = await browse.as_member(business.admin), await browse.as_member(business.admin)
    others = ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"})
    wrong: list[tuple[str, dict[str, str]]] = [(bob.csrf, {}), *((alice.csrf, headers) for headers in others)]
    forms = [_filled(entry) for entry in TABLE if entry.method == "POST"]
    assert len(forms) > 100
    for path, (csrf, headers) in zip(forms, cycle(wrong), strict=False):
        assert (await alice.http.post(path, data={})).status_code == 403, path
        assert (await alice.http.post(path, data={"csrf": csrf}, headers=headers)).status_code == 403, (path, headers)


async def test_every_answer_forbids_frames_foreign_scripts_and_keeping(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    for answer in (await alice.get("/console"), await alice.get("/console/nowhere"), await browse().get("/console")):
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_no_field_is_of_a_type_that_is_sent_as_empty_when_it_holds_no_number() -> None:
    assert [path for path in TEMPLATES.rglob("*.html") if 'type="number"' in path.read_text()] == []


def test_a_link_to_a_file_opens_the_page_that_comes_in_its_place() -> None:
    """As the sign-in, which the attribute `download` would save under the file's name."""
    saved = [path.name for path in TEMPLATES.rglob("*.html") if " download>" in path.read_text()]
    assert saved == ["reference.html"]  # the document of the API, which everyone may read


async def test_the_first_page_weighs_less_than_250_kilobytes_with_all_it_loads(
    business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    page = await alice.get("/console")
    assert page.headers["content-encoding"] == "gzip"
    weight = int(page.headers["content-length"])
    for url in set(re.findall(r'(?:src|href)="(/static/[^"#]+)', page.text)):
        asset = await alice.get(url)
        assert asset.status_code == 200, url
        assert "immutable" in asset.headers["cache-control"]
        again = await alice.http.get(url, headers={"If-None-Match": asset.headers["etag"]})
        assert again.status_code == 304
        weight += int(asset.headers["content-length"])
    assert weight < 250_000


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (Unavailable("postgresql: no file is left"), 503, "Service unavailable. please try again later."),
        (InvalidInput("<b> is invalid"), 400, "&lt;b&gt; is invalid"),
        (AppError("internal error"), 500, "Something went wrong on our side."),
    ],
)
async def test_an_error_whose_page_cannot_be_made_is_answered_barely_with_its_own_status(
    deps: Deps, error: AppError, status: int, says: str
) -> None:
    unreadable = Request({"type": "http"})  # without headers, which every page needs
    answer = errors.page_of(ConsoleRequest(deps, unreadable, None, Origin("203.0.113.7", "test"), "key"), error)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, "1" if status == 503 else None)
    assert says in bytes(answer.body).decode()


async def test_an_unknown_page_is_told_in_the_layout(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    answer = await alice.get("/console/nowhere/at/all")
    assert answer.status_code == 404
    assert "Not found" in text_of(answer)
    assert "Acme" in text_of(answer)
