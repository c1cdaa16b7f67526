"""Listed numbers: their states, a request's buckets, the jobs that carry it out (contract, section 7, D14, D18)."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct, field

from callmark.domain.feature_sets.model import PhoneType
from callmark.domain.ids import AccountId, FeatureSetId, LabelId, ListingJobId
from callmark.domain.numbers.proofs.model import UNPROVEN, NumberProof, ProofState
from callmark.kit.phone import PhoneNumber

MOST_NUMBERS = 10_000
"""Numbers of one request (contract, section 7)."""


class NumberState(StrEnum):
    """A number's life: pending → listed → delisting → gone (no row), or failed (contract D18)."""

    PENDING = "pending"
    LISTED = "listed"
    DELISTING = "delisting"
    FAILED = "failed"


class JobKind(StrEnum):
    """What a listing job does to its numbers."""

    PUBLISH = "publish"
    DELIST = "delist"


JOBS_KEPT = timedelta(days=365)
"""How long a job is kept that has ended, for its page: no number names it."""


class JobState(StrEnum):
    """A job waits for an operator's review, runs in steps, or has ended."""

    IN_REVIEW = "in_review"
    RUNNING = "running"
    ENDED = "ended"


class RequestStatus(StrEnum):
    """The `status` of a publish or delist answer: failed when no number can be processed (contract D14)."""

    PENDING = "pending"
    FAILED = "failed"


class Number(Struct, frozen=True):
    """A number that an account holds, with the feature set it is in.

    `why` says why it failed; `job_id` is the job that works on it while it is pending or delisting.
    """

    phone_number: PhoneNumber
    account_id: AccountId
    feature_set_id: FeatureSetId
    phone_type: PhoneType
    state: NumberState
    why: str | None
    job_id: ListingJobId | None
    created_by_email: str
    created_at: datetime
    updated_at: datetime


class FeatureSetNames(Struct, frozen=True):
    """What the numbers of a feature set show in common: names instead of ids, empty where there is none (section 7.3).

    A number group has neither department, operation nor process.
    """

    department: str
    operation: str
    process: str
    sub_process: str
    feature_set_name: str
    label_name: str
    call_me_back: bool


class NumberFilter(Struct, frozen=True):
    """What someone narrows a list of numbers to; an empty part narrows nothing. For SQL it becomes a `NumberSearch`.

    `text` is the beginning of a number, however spaced, or of a feature set's name; `place` any node of the structure.
    """

    text: str = ""
    state: NumberState | None = None
    place: UUID | None = None
    feature_set: UUID | None = None
    proof: ProofState | None = None


class NumberDetails(Struct, frozen=True):
    """A number with its names, and whether its account may call from it."""

    number: Number
    names: FeatureSetNames
    proof: NumberProof = UNPROVEN


class ListedCaller(Struct, frozen=True):
    """A listed number of a published feature set (or number group), as far as a ringing call needs it.

    Its identity is the label's name and logo and the feature set's call reason; `call_me_back` and `survey` are the
    switches that say what may be offered after the call. Its account has had the number since `held_since`.
    """

    phone_number: PhoneNumber
    account_id: AccountId
    held_since: datetime
    feature_set_id: FeatureSetId
    feature_set_name: str
    is_number_group: bool
    label_name: str
    logo_sha256: bytes
    call_reason: str | None
    call_me_back: bool
    survey: bool
    is_proven: bool
    """Whether calls from it may be signed with its identity (docs/number-ownership.md)."""
    announced_only: bool
    """Whether its account shows its identity in announced calls only."""
    is_hidden: bool = False
    """Whether it shows nothing in this call, because that was not announced; set where the receiver is known."""


class WhyUnlisted(StrEnum):
    """Why a number that an account holds has no static identity, to be read after "the caller's number "."""

    PENDING = "is not listed yet"
    DELISTING = "is being delisted"
    FAILED = "could not be listed"
    NOT_PUBLISHED = "is in a feature set that is not published"
    ACCOUNT_SUSPENDED = "is of an account that is suspended"
    NOT_IN_PLAN = "is of an account whose plan has no number management"


class Unlisted(Struct, frozen=True):
    """A number that an account holds, and that still shows nothing of its own."""

    account_id: AccountId
    why: WhyUnlisted


class ListingJob(Struct, frozen=True):
    """A request being carried out; counts are numbers.

    `done_count` of them are listed, or gone; `failed_count` were rejected by a reviewer, who says `why`. When it has
    ended, the others have left it: they were delisted while they were pending.
    """

    id: ListingJobId
    account_id: AccountId
    feature_set_id: FeatureSetId
    kind: JobKind
    state: JobState
    number_count: int
    done_count: int
    failed_count: int
    requested_by_email: str
    requested_at: datetime
    reviewed_by_email: str | None
    reviewed_at: datetime | None
    why: str | None
    ended_at: datetime | None


class Review(Struct, frozen=True):
    """A listing job that waits for an operator, as the list of reviews shows it.

    `waiting_count` of its numbers are to be decided; the others have left it.
    """

    job: ListingJob
    waiting_count: int
    account_name: str
    feature_set_name: str
    label_name: str
    examples: list[PhoneNumber]
    """The first of its numbers."""
    label_id: LabelId | None
    logo_sha256: bytes | None
    call_reason: str

    @property
    def identity(self) -> list[str]:
        """What calls from its numbers would show now, for the digest that an approval compares."""
        logo = self.logo_sha256.hex() if self.logo_sha256 else ""
        return [str(self.label_id or ""), self.label_name, logo, self.call_reason]


class HeldNumber(Struct, frozen=True):
    """A number that an account holds, as far as the judgement of a request needs it."""

    account_id: AccountId
    feature_set_id: FeatureSetId
    is_number_group: bool
    phone_type: PhoneType
    state: NumberState


class Published(Struct):
    """The answer to a publish request, bucket by bucket, each in the order of the request (section 7.1).

    To an owner `others` are also those that the account holds outside the owner's place.
    """

    created_by_email: str
    phone_type: PhoneType
    status: RequestStatus = RequestStatus.PENDING
    job_id: ListingJobId | None = None
    new: list[str] = field(default_factory=list[str])
    other_phone_type: list[str] = field(default_factory=list[str])
    existing: list[str] = field(default_factory=list[str])
    others: list[str] = field(default_factory=list[str])
    invalid: list[str] = field(default_factory=list[str])
    other_feature_set: list[str] = field(default_factory=list[str])
    migrated: list[str] = field(default_factory=list[str])
    delisted: list[str] = field(default_factory=list[str])
    updated: list[str] = field(default_factory=list[str])

    @property
    def coming_count(self) -> int:
        """How many numbers the request's job lists."""
        return len(self.new) + len(self.updated) + len(self.migrated)

    def buckets(self) -> tuple[list[str], ...]:
        """Every bucket, always in this order."""
        taken = (self.new, self.updated, self.migrated)
        refused = (self.other_phone_type, self.others, self.invalid, self.other_feature_set, self.delisted)
        return (*taken, self.existing, *refused)


class Delisted(Struct):
    """The answer to a delist request, bucket by bucket, each in the order of the request (section 7.2)."""

    status: RequestStatus = RequestStatus.PENDING
    job_id: ListingJobId | None = None
    processing: list[str] = field(default_factory=list[str])
    new: list[str] = field(default_factory=list[str])
    other_phone_type: list[str] = field(default_factory=list[str])
    existing: list[str] = field(default_factory=list[str])
    others: list[str] = field(default_factory=list[str])
    invalid: list[str] = field(default_factory=list[str])
    other_feature_set: list[str] = field(default_factory=list[str])
