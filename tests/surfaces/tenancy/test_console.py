"""The console's table of routes: every route, by whose things it names, by who asks."""

import ast
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

import pytest
from msgspec import Struct
from tests.surfaces.console.browser import Browser, Business, Visitors, make_business, make_operator, visitors
from tests.surfaces.tenancy.console_ids import (
    FIELDS,
    FOR_ANYBODY,
    FOR_EVERYBODY_SIGNED_IN,
    OPERATORS_FIELDS,
    PLAIN_FIELDS,
    Field,
    filled,
    kinds_of,
)
from tests.surfaces.tenancy.watching import Told, WatchedDatabase, state_of, told, watched
from tests.surfaces.tenancy.worlds import UNITS, World, make_world, unknown_world

import callmark.surfaces.console
from callmark.domain.deps import Deps
from callmark.domain.policy.model import OF_PLACE, Action, Role, allows
from callmark.surfaces.console import cookies
from callmark.surfaces.console.route import Access, ConsoleRoute
from callmark.surfaces.console.routes import TABLE

WITH_IDS = [route for route in TABLE if route.needs is not Access.ANYBODY and kinds_of(route.path)]
PERSONAL = {"sessionId", "shownToken", "keptFormToken"}
"""Kinds that belong to a person, not to an account."""
_PAGES = [route for route in WITH_IDS if route.method == "GET" and route.needs is not Action.OPERATE]
A_PAGE_OF_EACH = {tuple(kinds_of(route.path)): route for route in _PAGES if not route.path.endswith("/progress")}
REFUSED_ROLE = "Your role does not allow this. Please ask an admin of your account."
LEFT_ALONE = {"console_session", "throttle"}
"""Tables that any visit may write to: when a session was seen, how often someone tried."""
_READS = {"query", "text", "all", "is_on", "switch", "choices"}


class Stage(Struct):
    """Two businesses, and what each of them has."""

    deps: Deps
    db: WatchedDatabase
    browse: Visitors
    acme: Business
    own: World
    """Acme's, at a place that no owner of its own sees."""
    foreign: World
    unknown: World

    async def ask(self, browser: Browser, route: ConsoleRoute, worlds: Sequence[World]) -> tuple[Told, list[str]]:
        """What the answer told, and the statements that were run for it."""
        path = filled(route.path, worlds)
        with self.db.noting() as statements:
            answer = await (browser.get(path) if route.method == "GET" else browser.post(path))
        ids = [world[kind] for kind, world in zip(kinds_of(route.path), worlds, strict=True)]
        return told(answer, ids), statements

    def foreign_ones(self, route: ConsoleRoute) -> list[World]:
        """What Borealis has for the route's ids."""
        return _with_units(self.foreign, route)

    def outside_own(self, route: ConsoleRoute, role: Role | None) -> list[World]:
        """What Acme has for the route's ids, where it is none of the visitor's business."""
        is_personal = PERSONAL.intersection(kinds_of(route.path))
        is_elsewhere = role is not Role.ADMIN and route.needs in OF_PLACE
        return _with_units(self.own, route) if is_personal or is_elsewhere else []


def _with_units(world: World, route: ConsoleRoute) -> list[World]:
    is_unit = kinds_of(route.path) == ["unitId"]
    return [world | {"unitId": world[unit]} for unit in UNITS] if is_unit else [world]


@pytest.fixture
async def stage(deps: Deps) -> AsyncGenerator[Stage]:
    acme, borealis = await make_business(deps), await make_business(deps, "Borealis")
    own, foreign = await make_world(deps, acme.account.id), await make_world(deps, borealis.account.id)
    async with watched(deps) as (here, db), visitors(here) as browse:
        yield Stage(deps, db, browse, acme, own, foreign, unknown_world(foreign))


async def walk(
    stage: Stage, browser: Browser, expected: Callable[[ConsoleRoute], int | None], role: Role | None = None
) -> None:
    """Asks every route with ids for what is not the visitor's: answered like what is not there, and nothing changes.

    Who is refused for another reason is refused before anything is looked for, so one question shows that.
    """
    before, refused = await state_of(stage.deps, but=LEFT_ALONE), set[tuple[str, ...]]()
    for route in WITH_IDS:
        status, count = expected(route), len(kinds_of(route.path))
        if status is None:
            continue
        if status != 404:
            theirs, work = await stage.ask(browser, route, [stage.foreign] * count)
            assert theirs[0] == status, (role, route.method, route.path, theirs)
            assert status != 403 or not role or REFUSED_ROLE in theirs[2], (role, route.path)
            refused.add(tuple(work))
            assert len(refused) == 1, (role, route.method, route.path, work)  # nothing of the route's was looked for
            continue
        nobodys, work = await stage.ask(browser, route, [stage.unknown] * count)
        assert nobodys[0] == status, (role, route.method, route.path, nobodys)
        own = stage.outside_own(route, role)
        for world in [*stage.foreign_ones(route), *own]:
            theirs, same_work = await stage.ask(browser, route, [world] * count)
            assert theirs == nobodys, (role, route.method, route.path)
            assert same_work == work or world in own, (role, route.method, route.path, same_work)
    after = await state_of(stage.deps, but=LEFT_ALONE)
    assert [table for table in after if after[table] != before[table]] == [], role


async def test_what_is_not_ones_own_answers_everybody_like_what_is_not_there(stage: Stage) -> None:
    for role, member in stage.acme.members.items():

        def member_gets(route: ConsoleRoute, role: Role = role) -> int:
            is_of_account = isinstance(route.needs, Action) and route.needs is not Action.OPERATE
            return 403 if is_of_account and not allows(role, Action(route.needs.value)) else 404

        await walk(stage, await stage.browse.as_member(member), member_gets, role)

    olive = await stage.browse.as_operator(await make_operator(stage.deps))

    def idle_operator_gets(route: ConsoleRoute) -> int | None:
        return None if route.needs is Action.OPERATE else 404 if isinstance(route.needs, Access) else 403

    await walk(stage, olive, idle_operator_gets)
    await olive.follow(await olive.post(f"/console/operator/accounts/{stage.acme.account.id}/act"))
    await walk(stage, olive, lambda route: None if route.needs is Action.OPERATE else 404, Role.ADMIN)
    await walk(stage, stage.browse(), lambda _: 303)


async def test_fields_and_filters_tell_nothing_of_what_is_outside(stage: Stage) -> None:
    async def ask(browser: Browser, field: Field, world: World) -> Told:
        path, sent = f"/console{field.path.format_map(stage.own)}", f"{field.before}{world[field.kind]}"
        if field.form is None:
            joined = "&" if "?" in path else "?"
            return told(await browser.get(f"{path}{joined}{field.name}={sent}"), [world[field.kind]])
        answer = await browser.post(path, {**field.form, field.name: sent})
        browser.http.cookies.delete(cookies.FLASH)  # the next page would show it
        return told(answer, [world[field.kind]])

    alice = await stage.browse.as_member(stage.acme.admin)
    paul = await stage.browse.as_member(stage.acme.process_owner)
    before = await state_of(stage.deps, but=LEFT_ALONE)
    for kinds, route in A_PAGE_OF_EACH.items():  # the worlds' ids are such as paths have
        if not PERSONAL.intersection(kinds):
            (status, _, _), _ = await stage.ask(alice, route, [stage.own] * len(kinds))
            assert status in {200, 422}, route.path
    for field in FIELDS:
        nobodys = [await ask(browser, field, stage.unknown) for browser in (alice, paul)]
        assert nobodys[0][0] in {200, 303, 404, 422}, field
        assert [await ask(browser, field, stage.foreign) for browser in (alice, paul)] == nobodys, field
        if field.kind not in {"labelId", "callReasonId"}:  # of the account's library, which everybody sees
            assert await ask(paul, field, stage.own) == nobodys[1], field
    for route in WITH_IDS:
        if len(kinds_of(route.path)) > 1 and route.needs is not Action.OPERATE:  # a second id belongs to the first
            nobodys, _ = await stage.ask(alice, route, [stage.own, stage.unknown])
            assert nobodys[0] == 404, route.path
            assert (await stage.ask(alice, route, [stage.own, stage.foreign]))[0] == nobodys, route.path
    after = await state_of(stage.deps, but=LEFT_ALONE)
    assert [table for table in after if after[table] != before[table]] == []


def test_every_route_is_classified() -> None:
    assert {route.path for route in TABLE if route.needs is Access.ANYBODY} == FOR_ANYBODY
    assert {route.path for route in TABLE if route.needs is Access.SIGNED_IN} == FOR_EVERYBODY_SIGNED_IN
    for route in TABLE:
        assert (route.needs is Action.OPERATE) == route.path.startswith("/operator"), route.path
        if route.needs is not Access.ANYBODY:
            kinds_of(route.path)


def test_every_field_is_classified() -> None:
    found: set[str] = set()
    for path in Path(callmark.surfaces.console.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(attr=reads), args=[ast.Constant(value=str(name))]) if reads in _READS:
                    found.add(name)
                case ast.keyword(arg="filters", value=ast.Tuple(elts=names)):  # a pager reads them
                    found |= {ast.literal_eval(name) for name in names}
                case _:
                    pass
    assert found == (PLAIN_FIELDS | OPERATORS_FIELDS | {field.name for field in FIELDS})
