"""Numbers as far as the wire-compatible routes do not show them: search, one number, and the jobs that list them."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from callmark.domain.ids import FeatureSetId, ListingJobId
from callmark.domain.numbers import reviews, search as number_search
from callmark.domain.numbers.model import JobKind, JobState, ListingJob, NumberDetails, NumberFilter, NumberState
from callmark.domain.numbers.proofs.model import NumberProof, ProofState, ProofWay
from callmark.domain.policy.model import WHOLE_ACCOUNT, Action
from callmark.instants import iso_ms
from callmark.kit.errors import NotFound
from callmark.kit.phone import PhoneNumber, parse_loose
from callmark.surfaces.api import doc_parts
from callmark.surfaces.api.example_values import AT, EMAIL, FEATURE_SET_ID
from callmark.surfaces.api.management.feature_sets_doc import UNIT
from callmark.surfaces.api.management.route import ManagedRoute
from callmark.surfaces.api.own.request import ApiPager, any_id, choice_filter, id_filter, id_of, text_filter
from callmark.surfaces.api.own.route import PAGING
from callmark.surfaces.api.own.shapes import CreatedAt, CreatedBy, Id, Instant, NextAfter, UpdatedAt, instant, text_id
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.api.route import ParamDoc
from callmark.surfaces.cursors import InstantKey
from callmark.surfaces.http import Response, render

_NUMBERS: ApiPager[NumberDetails, tuple[datetime, PhoneNumber]] = ApiPager(
    tuple[datetime, PhoneNumber], lambda one: (one.number.created_at, one.number.phone_number)
)
_JOBS: ApiPager[ListingJob, InstantKey] = ApiPager(InstantKey, lambda one: (one.requested_at, one.id))
_JOB_ID = "c3d4e5f6-0718-4293-8a4b-5c6d7e8f9012"


class NumberProofView(msgspec.Struct, kw_only=True):
    """Whether the account may call from a number, in signed calls (docs/number-ownership.md)."""

    state: Annotated[ProofState, Meta(description="How far the proof is.")]
    way: Annotated[ProofWay | None, Meta(description="How it was proven, or is to be; null while it is unproven.")]
    by_email: Annotated[str | None, Meta(description="Email of who asked, proved or decided; null while unproven.")]
    at: Annotated[Instant | None, Meta(description="When, UTC; null while it is unproven.")]
    why: Annotated[str | None, Meta(description="Why it was refused; else null.")]
    request_id: Annotated[Id | None, Meta(description="The proof request that it is or was part of; else null.")]


class NumberView(msgspec.Struct, kw_only=True):
    """A number that the account holds."""

    phone_number: Annotated[str, Meta(description="Country code and digits, no `+`.")]
    state: Annotated[NumberState, Meta(description="Only a `listed` number shows an identity.")]
    why: Annotated[str | None, Meta(description="Why listing failed; else null.")]
    phone_type: Annotated[str, Meta(description="The kind of caller ID: `verified` or `priority`.")]
    feature_set_id: Annotated[Id, Meta(description="Its feature set or number group.")]
    feature_set_name: Annotated[str, Meta(description="The name of it.")]
    proof: Annotated[NumberProofView, Meta(description="Whether the account may call from it.")]
    listing_job_id: Annotated[Id | None, Meta(description="The job that lists or delists it now; else null.")]
    created_by_email: CreatedBy
    created_at: CreatedAt
    updated_at: UpdatedAt


class FoundNumbers(msgspec.Struct):
    """A page of numbers."""

    numbers: Annotated[list[NumberView], Meta(description="The numbers, newest first.")]
    next_after: NextAfter


class ListingJobView(msgspec.Struct, kw_only=True):
    """A publish or delist request that is carried out in the background. Wait for its `state`, not for its counts."""

    id: Annotated[Id, Meta(description="The job.")]
    feature_set_id: Annotated[Id, Meta(description="The feature set that the request named.")]
    kind: Annotated[JobKind, Meta(description="What it does to its numbers.")]
    state: Annotated[
        JobState,
        Meta(description="`in_review`: it waits for the operator of the installation. `ended`: nothing is left to do."),
    ]
    number_count: Annotated[int, Meta(description="How many numbers it has.")]
    done_count: Annotated[int, Meta(description="How many it has listed, or delisted.")]
    failed_count: Annotated[
        int,
        Meta(
            description="How many the operator rejected. When a job has ended, numbers that are neither done nor failed"
            " have left it: later requests delisted them before it came to them."
        ),
    ]
    why: Annotated[str | None, Meta(description="Why the operator rejected them; else null.")]
    requested_by_email: Annotated[str, Meta(description="Email of who asked.")]
    requested_at: Annotated[Instant, Meta(description="When it was asked for, UTC.")]
    ended_at: Annotated[Instant | None, Meta(description="When it ended; null until then.")]


class ListingJobList(msgspec.Struct):
    """A page of listing jobs."""

    listing_jobs: Annotated[list[ListingJobView], Meta(description="The jobs, newest first.")]
    next_after: NextAfter


async def list_numbers(request: ApiRequest) -> Response:
    """`GET numbers?text=&state=&proof=&unit_id=&feature_set_id=&after=&limit=`."""
    wanted = NumberFilter(
        text_filter(request, "text"),
        choice_filter(request, "state", NumberState),
        id_filter(request, "unit_id", any_id),
        id_filter(request, "feature_set_id", any_id),
        choice_filter(request, "proof", ProofState),
    )
    of, limit = (request.deps, request.account_id, WHOLE_ACCOUNT), _NUMBERS.limit(request) + 1
    found = await number_search.search_numbers(*of, wanted, before=_NUMBERS.after(request), limit=limit)
    rows, next_after = _NUMBERS.part(request, found)
    return render(FoundNumbers([number_view(one) for one in rows], next_after))


async def get_number(request: ApiRequest) -> Response:
    """`GET numbers/{phoneNumber}`."""
    number = number_in_path(request)
    found, _ = await number_search.get_number(request.deps, request.account_id, WHOLE_ACCOUNT, number)
    return render(number_view(found))


def number_in_path(request: ApiRequest) -> PhoneNumber:
    """The number that the path names. Raises NotFound for a text that is not a number."""
    number = parse_loose(request.path["phoneNumber"])
    if number is None:
        raise NotFound
    return number


async def list_jobs(request: ApiRequest) -> Response:
    """`GET listing_jobs?feature_set_id=&after=&limit=`."""
    after = _JOBS.after(request)
    found = await reviews.list_jobs(
        request.deps,
        request.account_id,
        WHOLE_ACCOUNT,
        feature_set_id=id_filter(request, "feature_set_id", FeatureSetId),
        before=None if after is None else (after[0], ListingJobId(after[1])),
        limit=_JOBS.limit(request) + 1,
    )
    rows, next_after = _JOBS.part(request, found)
    return render(ListingJobList([_job(one) for one in rows], next_after))


async def get_job(request: ApiRequest) -> Response:
    """`GET listing_jobs/{listingJobId}`."""
    job_id = id_of(request, "listingJobId", ListingJobId)
    return render(_job(await reviews.get_job(request.deps, request.account_id, WHOLE_ACCOUNT, job_id)))


def number_view(found: NumberDetails) -> NumberView:
    """The number as it is shown."""
    one = found.number
    return NumberView(
        phone_number=one.phone_number,
        state=one.state,
        why=one.why,
        phone_type=one.phone_type.value,
        feature_set_id=str(one.feature_set_id),
        feature_set_name=found.names.feature_set_name,
        proof=_proof(found.proof),
        listing_job_id=text_id(one.job_id),
        created_by_email=one.created_by_email,
        created_at=iso_ms(one.created_at),
        updated_at=iso_ms(one.updated_at),
    )


def _proof(proof: NumberProof) -> NumberProofView:
    return NumberProofView(
        state=proof.state,
        way=proof.way,
        by_email=proof.by_email,
        at=instant(proof.at),
        why=proof.why,
        request_id=text_id(proof.request_id),
    )


def _job(job: ListingJob) -> ListingJobView:
    return ListingJobView(
        id=str(job.id),
        feature_set_id=str(job.feature_set_id),
        kind=job.kind,
        state=job.state,
        number_count=job.number_count,
        done_count=job.done_count,
        failed_count=job.failed_count,
        why=job.why,
        requested_by_email=job.requested_by_email,
        requested_at=iso_ms(job.requested_at),
        ended_at=instant(job.ended_at),
    )


EXAMPLE = {
    "phone_number": "918040001234",
    "state": "listed",
    "why": None,
    "phone_type": "verified",
    "feature_set_id": FEATURE_SET_ID,
    "feature_set_name": "Delivery default",
    "proof": {"state": "unproven", "way": None, "by_email": None, "at": None, "why": None, "request_id": None},
    "listing_job_id": None,
    "created_by_email": EMAIL,
    "created_at": AT,
    "updated_at": AT,
}
_JOB = {
    "id": _JOB_ID,
    "feature_set_id": FEATURE_SET_ID,
    "kind": "publish",
    "state": "ended",
    "number_count": 40,
    "done_count": 40,
    "failed_count": 0,
    "why": None,
    "requested_by_email": EMAIL,
    "requested_at": AT,
    "ended_at": AT,
}
FEATURE_SET = ParamDoc("feature_set_id", "Only what belongs to this feature set.", doc_parts.UUID)
_TEXT = ParamDoc(
    "text", "How a number begins, however spaced, or how the name of its feature set begins.", {"type": "string"}
)
_STATE = ParamDoc("state", "Only numbers in this state.", {"type": "string", "enum": [*NumberState]})
_PROOF = ParamDoc("proof", "Only numbers whose proof is so far.", {"type": "string", "enum": [*ProofState]})
PHONE = ParamDoc(
    "phoneNumber",
    "The number; `+` is optional.",
    {"type": "string", "pattern": r"^\+?[1-9][0-9]{6,14}$"},
    "path",
    required=True,
    example="918040001234",
)

ROUTES = (
    ManagedRoute(
        "GET",
        "numbers",
        list_numbers,
        Action.NUMBERS_VIEW,
        name="searchNumbers",
        summary="Search numbers",
        description="Returns the account's numbers in every state, newest first. To list or delist numbers, use"
        " `…/number_management/feature_sets/{featureSetId}/numbers`.",
        response=FoundNumbers,
        answer={"numbers": [EXAMPLE], "next_after": None},
        params=(_TEXT, _STATE, _PROOF, UNIT, FEATURE_SET, *PAGING),
    ),
    ManagedRoute(
        "GET",
        "numbers/{phoneNumber}",
        get_number,
        Action.NUMBERS_VIEW,
        name="getNumber",
        summary="Get a number",
        description="Returns one number with its state.",
        response=NumberView,
        answer=EXAMPLE,
        params=(PHONE,),
    ),
    ManagedRoute(
        "GET",
        "listing_jobs",
        list_jobs,
        Action.NUMBERS_VIEW,
        name="listListingJobs",
        summary="List listing jobs",
        description="Returns the jobs that list and delist numbers, newest first.",
        response=ListingJobList,
        answer={"listing_jobs": [_JOB], "next_after": None},
        params=(FEATURE_SET, *PAGING),
    ),
    ManagedRoute(
        "GET",
        "listing_jobs/{listingJobId}",
        get_job,
        Action.NUMBERS_VIEW,
        name="getListingJob",
        summary="Get a listing job",
        description="Returns one job with its progress.",
        response=ListingJobView,
        answer=_JOB,
    ),
)
