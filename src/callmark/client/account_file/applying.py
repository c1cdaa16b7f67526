"""Carries out a plan, one request after the other; what was done stays done, so an interrupted run is repeated."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field

from callmark.client.account_file.plans import AccountPlan, ApiStep, DrainStep, Key, ListingStep, Ref, Step
from callmark.client.account_file.present import BUCKET
from callmark.client.answers import check
from callmark.client.core import Call, Core, encode, part
from callmark.client.errors import CallmarkError, NotFound
from callmark.client.flow import Answer, Emit, Flow, Pause, Request, Stream, send
from callmark.client.inventory import NOT_LISTED, NumberBuckets, change_listing
from callmark.client.reprs import SafeRepr

PACE_S = 0.5
MOST_LOOKS = 240
"""How long numbers may take to leave a feature set: two minutes."""


class DoneStep(SafeRepr, Struct, frozen=True):
    """A request that was carried out. `secret` is a new webhook's, `troubles` what was not done for single numbers."""

    step: Step
    secret: str | None = None
    troubles: list[str] = field(default_factory=list[str])


class _Made(SafeRepr, Struct):
    id: str
    secret: str | None = None


class _Found(Struct):
    numbers: list[object] = []


def apply_plan(core: Core, plan: AccountPlan, ids: dict[Key, str]) -> Stream[DoneStep]:
    """Each request in its order; `ids` gets the ids of what is made. Raises the errors of the tree, and stops there."""
    for step in plan.steps:
        match step:
            case ApiStep():
                done = yield from _api(core, step, ids)
            case ListingStep():
                numbers = iter(step.numbers)
                buckets = yield from change_listing(core, ids[step.feature_set.key], step.how, numbers)
                done = DoneStep(step, troubles=list(_troubles(buckets)))
            case DrainStep():
                yield from _drain(core, step, ids)
                done = DoneStep(step)
        yield Emit(done)


def _api(core: Core, step: ApiStep, ids: dict[Key, str]) -> Flow[DoneStep]:
    path = "/".join(part(ids[piece.key] if isinstance(piece, Ref) else piece) for piece in step.path)
    body = None if step.body is None else encode({name: _resolved(value, ids) for name, value in step.body.items()})
    key = core.environment.new_key() if step.makes else ""
    call = Call(
        step.method,
        f"{core.extensions}/{path}",
        body=body,
        bucket=BUCKET,
        idempotency_key=key,
        is_patient=True,
    )
    if step.method == "DELETE":
        yield from _deleted(core, call)
        return DoneStep(step)
    if step.makes is None:
        yield from core.fetch(call, dict[str, Any])
        return DoneStep(step)
    made = yield from core.fetch(call, _Made)
    ids[step.makes] = made.id
    return DoneStep(step, made.secret)


def _deleted(core: Core, call: Call) -> Flow[None]:
    """What no longer exists counts as deleted: by a try whose answer was lost, or by someone else."""
    try:
        yield from core.fetch(call, dict[str, Any])
    except NotFound:
        return


def _resolved(value: object, ids: dict[Key, str]) -> object:
    return ids[value.key] if isinstance(value, Ref) else value


def _drain(core: Core, step: DrainStep, ids: dict[Key, str]) -> Flow[None]:
    query = {"feature_set_id": ids[step.feature_set.key], "state": "delisting", "limit": "1"}
    call = Call("GET", f"{core.extensions}/numbers", query=query, bucket=BUCKET, is_patient=True)
    for _ in range(MOST_LOOKS):
        found = yield from core.fetch(call, _Found)
        if not found.numbers:
            return
        yield Pause(PACE_S)
    raise CallmarkError("numbers are still being delisted; apply the file again later")


def _troubles(buckets: NumberBuckets) -> Iterable[str]:
    for bucket in NOT_LISTED:
        for number in getattr(buckets, bucket):
            yield f"{number}: {bucket.removesuffix('_numbers').replace('_', ' ')}"


def fetch_logo(core: Core, address: str) -> Flow[bytes]:
    """A logo of the account, which anybody may read: no token goes along."""

    def once() -> Flow[Answer]:
        answer = yield from send(Request("GET", address, {"Accept": "image/png"}))
        check(answer)
        return answer

    answer = yield from core.retries.attempts(once)
    return answer.body
