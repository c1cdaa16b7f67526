"""What the demo's accounts list and ask: a branch of structure, two feature sets, listed numbers, a live campaign.

Safe to run again: everything is found by its name first, and what is missing is made.
"""

from uuid import UUID

from msgspec import Struct

from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.callbacks import service as callbacks
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import NewFeatureSet
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.model import CampaignState, CampaignType, NewQuestion
from callmark.domain.ids import AccountId, CallReasonId, DepartmentId, FeatureSetId, LabelId, OperationId, ProcessId
from callmark.domain.numbers import jobs, service as numbers
from callmark.domain.numbers.proofs import service as proofs
from callmark.domain.numbers.proofs.model import ProofState
from callmark.domain.policy.model import Actor, ActorKind, Path
from callmark.domain.structure import service as structure
from callmark.domain.structure.catalogue import catalogue_entry_named
from callmark.domain.structure.model import flat
from callmark.kit.errors import NotFound
from callmark.kit.phone import PhoneNumber
from callmark.processes.demo.credentials import DemoFeatureSet, StructureOut
from callmark.processes.demo.people import give_process

_HOURS = "mon-sat 10:00-18:00"
_ZONE = "Asia/Kolkata"


class Branch(Struct, frozen=True):
    """One way down an account's structure, and what belongs there; the draft set belongs to the sub-process."""

    department: str
    operation: str
    process: str
    sub_process: str
    published: str
    draft: str
    call_reason: str
    callbacks: str
    numbers: tuple[str, ...]
    campaign: str
    questions: tuple[NewQuestion, ...]


class Seeded(Struct, frozen=True):
    """What the credentials say about a branch."""

    structure: StructureOut
    feature_sets: list[DemoFeatureSet]
    campaign_id: str


async def seed_branch(deps: Deps, account_id: AccountId, branch: Branch, label_id: UUID, made_by: str) -> Seeded:
    """The branch with its feature sets, numbers and campaign, made as far as they are missing."""
    by = Actor(ActorKind.MEMBER, made_by)
    out = await _structure(deps, account_id, branch, by)
    await give_process(deps, account_id, UUID(out.process_id))
    reason = await _call_reason(deps, account_id, branch.call_reason, by)
    offers = NewFeatureSet(
        branch.published, label_id=LabelId(label_id), call_reason_id=reason, call_me_back=True, survey=True
    )
    draft = NewFeatureSet(branch.draft, label_id=LabelId(label_id))
    published_id = await _feature_set(deps, account_id, ProcessId(UUID(out.process_id)), offers, by)
    draft_id = await _feature_set(deps, account_id, ProcessId(UUID(out.sub_process_id)), draft, by)
    await _list_numbers(deps, account_id, published_id, branch.numbers, made_by)
    await _call_me_back(deps, account_id, published_id, branch.callbacks, made_by)
    campaign_id = await _campaign(deps, account_id, published_id, branch, made_by)
    return Seeded(out, [await _out(deps, account_id, one) for one in (published_id, draft_id)], campaign_id)


async def _structure(deps: Deps, account_id: AccountId, branch: Branch, by: Actor) -> StructureOut:
    of = (deps, account_id)
    department = await _named(deps, account_id, (), branch.department)
    if department is None:
        department = (await structure.create_department(*of, name=branch.department, by=by)).id
    operation = await _named(deps, account_id, (department,), branch.operation)
    if operation is None:
        entry = catalogue_entry_named(branch.operation)
        made = await structure.create_operation(*of, DepartmentId(department), catalogue_id=entry.id, by=by)
        operation = made.id
    process = await _named(deps, account_id, (department, operation), branch.process)
    if process is None:
        process = (await structure.create_process(*of, OperationId(operation), name=branch.process, by=by)).id
    sub_process = await _named(deps, account_id, (department, operation, process), branch.sub_process)
    if sub_process is None:
        sub_process = (await structure.create_sub_process(*of, ProcessId(process), name=branch.sub_process, by=by)).id
    return StructureOut(str(department), str(operation), str(process), str(sub_process))


async def _named(deps: Deps, account_id: AccountId, above: Path, name: str) -> UUID | None:
    """The node of that name below the path, None when there is none."""
    nodes = flat(await structure.tree(deps, account_id)).values()
    return next((node.id for node in nodes if node.path[:-1] == above and node.name == name), None)


async def _call_reason(deps: Deps, account_id: AccountId, text: str, by: Actor) -> CallReasonId:
    for reason in await call_reasons.list_call_reasons(deps, account_id):
        if reason.text == text:
            return reason.id
    return (await call_reasons.create_call_reason(deps, account_id, text=text, by=by)).id


async def _feature_set(
    deps: Deps, account_id: AccountId, process_id: ProcessId, wanted: NewFeatureSet, by: Actor
) -> FeatureSetId:
    for node in flat(await structure.tree(deps, account_id)).values():
        for one in node.sets:
            if one.name == wanted.name:
                return one.id
    return (await feature_sets.create_feature_set(deps, account_id, process_id, wanted, by=by)).id


async def _out(deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId) -> DemoFeatureSet:
    one = await feature_sets.get_feature_set(deps, account_id, feature_set_id)
    return DemoFeatureSet(str(one.id), one.name, one.state.value)


async def _list_numbers(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, wanted: tuple[str, ...], made_by: str
) -> None:
    """Publishes them and carries the job out at once, so that they are listed before the first request comes.

    They are proven, too.
    """
    by = Actor(ActorKind.SYSTEM, made_by)  # whose listings need no review
    answer = await numbers.publish(deps, account_id, feature_set_id, wanted, by=by)
    if answer.job_id is not None:
        while not await jobs.take_step(deps, answer.job_id):
            pass
    held = [PhoneNumber(number) for number in (*answer.new, *answer.updated, *answer.migrated, *answer.existing)]
    found = await proofs.proofs_of(deps, held)
    if unproven := [number for number in held if found[number].state is ProofState.UNPROVEN]:
        await proofs.prove_numbers(deps, account_id, unproven, by=by)


async def _call_me_back(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, name: str, made_by: str
) -> None:
    try:
        await callbacks.get_config(deps, account_id, feature_set_id)
    except NotFound:
        await callbacks.set_config(
            deps,
            account_id,
            feature_set_id,
            by=Actor(ActorKind.MEMBER, made_by),
            name=name,
            slot_picker=True,
            time_zone=_ZONE,
            hours=_HOURS,
        )


async def _campaign(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, branch: Branch, made_by: str
) -> str:
    by = Actor(ActorKind.MEMBER, made_by)
    for campaign in await feedback.list_campaigns(deps, account_id):
        if campaign.feature_set_id == feature_set_id and campaign.state is CampaignState.LIVE:
            return str(campaign.id)
    made = await feedback.create_campaign(
        deps,
        account_id,
        by=by,
        feature_set_id=feature_set_id,
        name=branch.campaign,
        campaign_type=CampaignType.QUESTIONS,
        questions=branch.questions,
    )
    return str((await feedback.make_live(deps, account_id, made.id, by=by)).id)
