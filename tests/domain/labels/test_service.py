"""Labels on a real database."""

import asyncio
import hashlib
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.support.audit_log import log_of
from tests.support.factories import ALICE, logo, make_label
from tests.support.fake_clock import FakeClock

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, LabelId
from callmark.domain.labels import service as labels
from callmark.domain.labels.logo import initial_logo
from callmark.domain.labels.model import Label, LabelChange, LabelType
from callmark.domain.policy.model import SYSTEM
from callmark.kit.errors import InvalidInput, NotFound


async def new_account(deps: Deps) -> AccountId:
    return (await accounts.create_account(deps, "Acme", by=SYSTEM)).id


async def default_of(deps: Deps, account_id: AccountId) -> Label | None:
    async with deps.db.connection() as tx:
        return await labels.default_dynamic_label(tx, account_id)


async def known(deps: Deps, account_id: AccountId, *ids: LabelId) -> set[str]:
    async with deps.db.connection() as tx:
        return {label.name for label in await labels.dynamic_each(tx, [(account_id, one) for one in ids]) if label}


async def test_a_new_label_is_there_and_its_logo_is_served_by_content(deps: Deps) -> None:
    account_id = await new_account(deps)
    label = await make_label(deps, account_id, name=" Acme ")
    assert label == await labels.get_label(deps, account_id, label.id)
    assert (label.name, label.label_type, label.is_default) == ("Acme", LabelType.DYNAMIC, False)
    png = await labels.logo_png(deps, label.logo_sha256)
    assert png is not None
    assert hashlib.sha256(png).digest() == label.logo_sha256
    assert (
        labels.logo_url("https://calls.example", label) == f"https://calls.example/logos/{label.logo_sha256.hex()}.png"
    )


async def test_a_stored_name_that_breaks_the_rule_stands_in_the_way_of_no_other_change(deps: Deps) -> None:
    account_id = await new_account(deps)
    label = await make_label(deps, account_id)
    async with deps.db.transaction() as tx:
        await tx.execute("UPDATE label SET name = $2 WHERE id = $1", label.id, "Ac\u200bme")
    changed = await labels.update_label(
        deps, account_id, label.id, LabelChange(name="Ac\u200bme", category=11, sub_category=64), by=ALICE
    )
    assert (changed.name, changed.sub_category) == ("Ac\u200bme", 64)
    with pytest.raises(InvalidInput, match="not allowed"):
        await labels.update_label(deps, account_id, label.id, LabelChange(name="Ac\u200bme Bank"), by=ALICE)


async def test_labels_share_a_logo_of_the_same_picture(deps: Deps) -> None:
    account_id = await new_account(deps)
    first, second = await make_label(deps, account_id), await make_label(deps, account_id)
    assert first.logo_sha256 == second.logo_sha256


async def test_a_label_that_cannot_be_is_not_made(deps: Deps) -> None:
    account_id = await new_account(deps)

    async def create(
        *, to: AccountId = account_id, name: str = "Acme", png: bytes = b"", sub_category: int = 53
    ) -> None:
        await labels.create_label(
            deps,
            to,
            by=ALICE,
            label_type=LabelType.DYNAMIC,
            name=name,
            logo_png=png or logo(),
            category=8,
            sub_category=sub_category,
        )

    with pytest.raises(InvalidInput, match="at most 39"):
        await create(name="a" * 40)
    with pytest.raises(InvalidInput, match="200x200"):
        await create(png=logo(199))
    with pytest.raises(InvalidInput, match="belongs to category 11, not 8"):
        await create(sub_category=64)
    with pytest.raises(NotFound):
        await create(to=AccountId(uuid4()))
    assert await labels.list_labels(deps, account_id) == []


async def test_dynamic_labels_are_paged_newest_first(deps: Deps, clock: FakeClock) -> None:
    account_id = await new_account(deps)
    made: list[Label] = []
    for i in range(5):
        made.append(await make_label(deps, account_id, name=f"label {i}"))
        if i % 2:  # two of one instant are told apart by id
            clock.advance(timedelta(seconds=1))
    static = await make_label(deps, account_id, name="static", label_type=LabelType.STATIC)
    newest_first = sorted(made, key=lambda label: (label.created_at, label.id), reverse=True)
    pages = [await labels.list_dynamic(deps, account_id, page=page, limit=2) for page in (1, 2, 3, 4)]
    assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:], []]
    assert await labels.list_dynamic(deps, account_id, page=10**30, limit=10_000) == []
    assert static in await labels.list_labels(deps, account_id)


async def test_a_push_knows_living_dynamic_labels_of_its_own_account_only(deps: Deps) -> None:
    alices, charlies = await new_account(deps), await new_account(deps)
    good = await make_label(deps, alices, name="good")
    gone = await make_label(deps, alices, name="gone")
    static = await make_label(deps, alices, name="static", label_type=LabelType.STATIC)
    foreign = await make_label(deps, charlies, name="foreign")
    await labels.delete_label(deps, alices, gone.id, by=ALICE)
    assert await known(deps, alices, good.id, gone.id, static.id, foreign.id, LabelId(uuid4())) == {"good"}
    assert await known(deps, alices) == set()


async def test_the_default_is_the_marked_one_else_the_oldest_dynamic(deps: Deps, clock: FakeClock) -> None:
    account_id = await new_account(deps)
    assert await default_of(deps, account_id) is None
    await make_label(deps, account_id, label_type=LabelType.STATIC)
    assert await default_of(deps, account_id) is None
    made: list[Label] = []
    for name in ("oldest", "middle", "newest"):
        clock.advance(timedelta(seconds=1))
        made.append(await make_label(deps, account_id, name=name))
    oldest, middle, newest = made
    assert await default_of(deps, account_id) == oldest
    for choice in (middle, newest, newest):
        marked = await labels.update_label(deps, account_id, choice.id, LabelChange(make_default=True), by=ALICE)
        assert await default_of(deps, account_id) == marked
        assert [label.id for label in await labels.list_labels(deps, account_id) if label.is_default] == [choice.id]
    await labels.delete_label(deps, account_id, newest.id, by=ALICE)
    assert await default_of(deps, account_id) == oldest


async def test_of_many_made_default_at_once_one_stays(deps: Deps) -> None:
    account_id = await new_account(deps)
    made = [await make_label(deps, account_id) for _ in range(5)]
    await asyncio.gather(
        *(labels.update_label(deps, account_id, label.id, LabelChange(make_default=True), by=ALICE) for label in made)
    )
    assert sum(label.is_default for label in await labels.list_labels(deps, account_id)) == 1


async def test_a_static_label_cannot_be_the_default(deps: Deps) -> None:
    account_id = await new_account(deps)
    dynamic = await make_label(deps, account_id)
    await labels.update_label(deps, account_id, dynamic.id, LabelChange(make_default=True), by=ALICE)
    static = await make_label(deps, account_id, label_type=LabelType.STATIC)
    with pytest.raises(InvalidInput, match="only a dynamic label"):
        await labels.update_label(deps, account_id, static.id, LabelChange(make_default=True), by=ALICE)
    assert await default_of(deps, account_id) == await labels.get_label(deps, account_id, dynamic.id)


async def test_an_update_changes_what_it_names_and_nothing_else(deps: Deps) -> None:
    account_id = await new_account(deps)
    label = await make_label(deps, account_id)
    renamed = await labels.update_label(deps, account_id, label.id, LabelChange(name="Acme Returns"), by=ALICE)
    assert (renamed.name, renamed.logo_sha256, renamed.sub_category) == ("Acme Returns", label.logo_sha256, 53)
    pictured = await labels.update_label(deps, account_id, label.id, LabelChange(logo_png=initial_logo("R")), by=ALICE)
    assert pictured.logo_sha256 != label.logo_sha256
    assert await labels.logo_png(deps, pictured.logo_sha256) == initial_logo("R")
    filed = await labels.update_label(deps, account_id, label.id, LabelChange(category=11, sub_category=64), by=ALICE)
    assert (filed.category, filed.sub_category, filed.name) == (11, 64, "Acme Returns")
    assert filed == await labels.get_label(deps, account_id, label.id)
    with pytest.raises(InvalidInput, match="belongs to category 11"):
        await labels.update_label(deps, account_id, label.id, LabelChange(name="x", category=8), by=ALICE)
    assert filed == await labels.get_label(deps, account_id, label.id)


async def test_a_deleted_label_is_gone_for_everyone(deps: Deps) -> None:
    account_id = await new_account(deps)
    label = await make_label(deps, account_id)
    await labels.delete_label(deps, account_id, label.id, by=ALICE)
    assert await labels.list_labels(deps, account_id) == []
    assert await labels.list_dynamic(deps, account_id, page=1, limit=10) == []
    with pytest.raises(NotFound):
        await labels.get_label(deps, account_id, label.id)
    with pytest.raises(NotFound):
        await labels.update_label(deps, account_id, label.id, LabelChange(name="back"), by=ALICE)
    with pytest.raises(NotFound):
        await labels.delete_label(deps, account_id, label.id, by=ALICE)
    assert await labels.logo_png(deps, label.logo_sha256)  # pushed records still show it


async def test_every_change_is_in_the_audit_log(deps: Deps) -> None:
    account_id = await new_account(deps)
    label = await labels.create_label(
        deps,
        account_id,
        by=ALICE,
        label_type=LabelType.DYNAMIC,
        name="Acme",
        logo_png=logo(),
        category=8,
        sub_category=53,
    )
    await labels.update_label(
        deps, account_id, label.id, LabelChange(name="Acme Returns", logo_png=initial_logo("R")), by=ALICE
    )
    await labels.update_label(deps, account_id, label.id, LabelChange(make_default=True), by=ALICE)
    await labels.update_label(
        deps, account_id, label.id, LabelChange(category=11, sub_category=64, make_default=True), by=ALICE
    )
    with pytest.raises(InvalidInput):
        await labels.update_label(deps, account_id, label.id, LabelChange(name=""), by=ALICE)
    await labels.delete_label(deps, account_id, label.id, by=ALICE)
    entries = await log_of(deps, account_id)
    label_id = str(label.id)
    assert [(entry.action, entry.subject, entry.details) for entry in reversed(entries)] == [
        ("label.created", "Acme", {"label_id": label_id, "type": "dynamic"}),
        ("label.changed", "Acme Returns", {"label_id": label_id, "new_logo": True}),
        ("label.made_default", "Acme Returns", {"label_id": label_id}),
        ("label.changed", "Acme Returns", {"label_id": label_id, "new_logo": False}),
        ("label.deleted", "Acme Returns", {"label_id": label_id}),
    ]
    assert [entry.actor_email for entry in reversed(entries)] == [ALICE.email] * 5


async def test_labels_to_choose_from_begin_with_the_default(deps: Deps, clock: FakeClock) -> None:
    account_id = await new_account(deps)
    made: list[Label] = []
    for name in ("oldest", "middle", "newest"):
        clock.advance(timedelta(seconds=1))
        made.append(await make_label(deps, account_id, name=name))
    await make_label(deps, account_id, label_type=LabelType.STATIC)
    await labels.update_label(deps, account_id, made[1].id, LabelChange(make_default=True), by=ALICE)
    assert [one.name for one in await labels.list_for_records(deps, account_id)] == ["middle", "oldest", "newest"]
