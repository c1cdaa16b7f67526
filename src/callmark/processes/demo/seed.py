"""What the demo starts with: two accounts with all that a business has, and a handset app. Safe to run again.

Everything is found by its name first, so a start that was cut short is completed by the next. Secrets cannot be read
back: they are kept in the data directory's credentials file, and what is missing there is made again.
"""

from uuid import UUID

from msgspec import Struct

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.credentials import service as keys
from callmark.domain.deps import Deps
from callmark.domain.feedback.model import NewQuestion
from callmark.domain.handsets import service as handsets
from callmark.domain.ids import KeyId
from callmark.domain.labels import categories, logo, service as labels
from callmark.domain.labels.model import LabelType
from callmark.domain.policy.model import SYSTEM, Actor, ActorKind, Role
from callmark.domain.policy.plan import ALL_FEATURES
from callmark.domain.signer_certificates import roots
from callmark.kit.errors import NotFound, SetupError
from callmark.kit.ids import parse_uuid
from callmark.processes.demo.credentials import AccountOut, Credentials, DemoLabel, DemoOperator, LabelsOut
from callmark.processes.demo.people import seed_members, seed_operator
from callmark.processes.demo.structure import Branch, seed_branch
from callmark.surfaces.emulator.guard import emulator_token

DEMO = "Demo"
"""Name of the seeded keys and of the handset app."""


ROOT, PROVIDER_CODE = "Callmark demo root", "DEMO"
"""What the certificates of the demo's accounts are issued by."""


class _Seed(Struct, frozen=True):
    """An account to make; `sub_category` is where its labels are filed."""

    name: str
    members: tuple[tuple[str, str, Role], ...]
    dynamic: tuple[str, ...]
    static: tuple[str, ...]
    sub_category: int
    branch: Branch


SEEDS = (
    _Seed(
        "Acme Deliveries",
        (("Alice", "alice@acme.example", Role.ADMIN), ("Bob", "bob@acme.example", Role.PROCESS_OWNER)),
        ("Acme Deliveries", "Acme Returns"),
        ("Acme Support",),
        sub_category=53,
        branch=Branch(
            department="Retail",
            operation="Delivery",
            process="Last mile",
            sub_process="Evening rounds",
            published="Delivery default",
            draft="Delivery draft",
            call_reason="About your delivery",
            callbacks="Delivery callbacks",
            numbers=("918040001234", "918040001235"),
            campaign="Delivery check",
            questions=(
                NewQuestion("Did the courier arrive on time?", ("Yes", "No")),
                NewQuestion("What should we do better?"),
            ),
        ),
    ),
    _Seed(
        "Borealis Bank",
        (("Carol", "carol@borealis.example", Role.ADMIN), ("Dave", "dave@borealis.example", Role.PROCESS_OWNER)),
        ("Borealis Bank", "Borealis Cards"),
        ("Borealis Service",),
        sub_category=64,
        branch=Branch(
            department="Personal banking",
            operation="Fraud alerts",
            process="Card payments",
            sub_process="Night desk",
            published="Cards default",
            draft="Cards draft",
            call_reason="About a payment with your card",
            callbacks="Card callbacks",
            numbers=("918061110001", "918061110002"),
            campaign="Card service check",
            questions=(
                NewQuestion("Was your question answered?", ("Yes", "Partly", "No")),
                NewQuestion("What should we do better?"),
            ),
        ),
    ),
)


async def seed(deps: Deps, known: Credentials | None) -> Credentials:
    """The demo's accounts, made as far as they are missing; `known` is what the last start had.

    Raises SetupError when the installation has accounts but has never been a demo.
    """
    found = {account.name: account for account in reversed(await accounts.list_accounts(deps))}
    if known is None and found.keys() - {one.name for one in SEEDS}:
        raise SetupError(
            f"the installation in {deps.settings.data} is not a demo: it has accounts of its own. Give another --data."
        )
    before = {account.name: account for account in known.accounts} if known else {}
    if not any(root.is_own for root in await roots.list_roots(deps)):
        await roots.create_root(deps, ROOT, PROVIDER_CODE, by=SYSTEM)
    return Credentials(
        base_url=deps.public_url,
        console_url=f"{deps.public_url}/console",
        operator=await seed_operator(deps, known.operator if known else DemoOperator()),
        emulator_url=f"{deps.public_url}/emulator/v1",
        emulator_token=emulator_token(deps.settings),
        handset_app_key=await _app_key(deps, known.handset_app_key if known else ""),
        accounts=[await _account(deps, one, found.get(one.name), before.get(one.name)) for one in SEEDS],
    )


async def _account(deps: Deps, one: _Seed, found: Account | None, before: AccountOut | None) -> AccountOut:
    account = found or await accounts.create_account(deps, one.name, by=SYSTEM)
    if found is None:  # it is far beyond its first steps
        await accounts.hide_first_steps(deps, account.id, hidden=True)
    members = await seed_members(deps, account, one.members, before.members if before else ())
    key_id, api_key = await _key(deps, account, one, before)
    identities = await _labels(deps, account, one)
    seeded = await seed_branch(deps, account.id, one.branch, UUID(identities.static[0].id), one.members[0][1])
    return AccountOut(
        name=account.name,
        client_account_id=str(account.id),
        key_id=key_id,
        api_key=api_key,
        members=members,
        labels=identities,
        structure=seeded.structure,
        feature_sets=seeded.feature_sets,
        listed_numbers=list(one.branch.numbers),
        campaign_id=seeded.campaign_id,
    )


async def _key(deps: Deps, account: Account, one: _Seed, before: AccountOut | None) -> tuple[str, str]:
    """The key of the last start while it is valid, else a new one in the place of those named as ours."""
    if before and before.client_account_id == str(account.id) and (key_id := parse_uuid(before.key_id)):
        try:
            await keys.get_key(deps, account.id, KeyId(key_id))
        except NotFound:
            pass
        else:
            return before.key_id, before.api_key
    for key in await keys.list_keys(deps, account.id):
        if key.name == DEMO:
            await keys.delete_key(deps, account.id, key.id, by=SYSTEM)
    admin = Actor(ActorKind.MEMBER, one.members[0][1])
    made = await keys.create_key(deps, account.id, by=admin, name=DEMO, features=ALL_FEATURES)
    return str(made.key_id), made.api_key


async def _labels(deps: Deps, account: Account, one: _Seed) -> LabelsOut:
    there = {(label.label_type, label.name): label for label in await labels.list_labels(deps, account.id)}
    wanted = [(LabelType.DYNAMIC, name) for name in one.dynamic] + [(LabelType.STATIC, name) for name in one.static]
    for kind, name in wanted:
        if (kind, name) not in there:
            there[kind, name] = await labels.create_label(
                deps,
                account.id,
                by=Actor(ActorKind.MEMBER, one.members[0][1]),
                label_type=kind,
                name=name,
                logo_png=logo.initial_logo(name),
                category=categories.category_of(one.sub_category),
                sub_category=one.sub_category,
            )
    out = {wish: DemoLabel(str(there[wish].id), there[wish].name) for wish in wanted}
    return LabelsOut(
        dynamic=[label for (kind, _), label in out.items() if kind is LabelType.DYNAMIC],
        static=[label for (kind, _), label in out.items() if kind is LabelType.STATIC],
    )


async def _app_key(deps: Deps, before: str) -> str:
    """The handset app's credential of the last start while the app exists, else that of a new app."""
    live = [app for app in await handsets.list_apps(deps) if app.name == DEMO and app.revoked_at is None]
    if before and live:
        return before
    for app in live:
        await handsets.revoke_app(deps, app.id, by=SYSTEM)
    _, credential = await handsets.create_app(deps, DEMO, by=SYSTEM)
    return credential
