"""What number management says on the wire, and its text in the API reference. Source: contract, section 7."""

from typing import Annotated

import msgspec
from msgspec import Meta

from callmark.domain.feature_sets.model import PhoneType
from callmark.domain.numbers.model import MOST_NUMBERS, NumberState, RequestStatus
from callmark.surfaces.api.doc_parts import BAD_JSON, BAD_LIMIT, BAD_PAGE, DATE_TIME, LIMIT, PAGE, UUID, bad
from callmark.surfaces.api.example_values import ACCOUNT_ID
from callmark.surfaces.api.feature_sets import PagingOut
from callmark.surfaces.api.filters import DEPARTMENT, OPERATION, PROCESS, TWO_FILTERS, bad_filter
from callmark.surfaces.api.route import Doc, ParamDoc

_TAG = "Number management"
_PHONE = {"pattern": "^[1-9][0-9]{6,14}$"}
_STATUSES = {"enum": [status.value for status in RequestStatus]}

Email = Annotated[str, Meta(description="Who made the request: the account's oldest admin.")]
AccountIdOut = Annotated[str, Meta(description="The account in the path.", extra_json_schema=UUID)]
PhoneTypeOut = Annotated[
    str,
    Meta(
        description="The kind of caller ID that its feature set gives it.",
        extra_json_schema={"enum": [kind.value for kind in PhoneType]},
    ),
]
Digits = Annotated[str, Meta(extra_json_schema=_PHONE)]


class PhoneNumbers(msgspec.Struct):
    """The numbers of a request (documents NumbersIn)."""

    phone_numbers: Annotated[
        list[str],
        Meta(
            description="Country code and number, 7 to 15 digits; a leading `+` is removed. Duplicates count once.",
            min_length=1,
            max_length=MOST_NUMBERS,
        ),
    ]


class PublishedOut(msgspec.Struct):
    """What happens to each number: each is in exactly one list, in the order of the request."""

    client_account_id: AccountIdOut
    created_by_email: Email
    phone_type: PhoneTypeOut
    new_numbers: Annotated[list[Digits], Meta(description="Accepted; will be listed.")]
    other_phonetype_numbers: Annotated[
        list[Digits], Meta(description="In another of your feature sets with a different phone type; not moved.")
    ]
    existing_numbers: Annotated[list[Digits], Meta(description="Already in this feature set.")]
    others_numbers: Annotated[list[Digits], Meta(description="Belongs to another account.")]
    invalid_numbers: Annotated[list[str], Meta(description="Not a phone number; shown as sent.")]
    other_feature_set_numbers: Annotated[list[Digits], Meta(description="In another of your feature sets; not moved.")]
    status: Annotated[
        str,
        Meta(
            description="`failed` if no number can be processed and the feature set was already published.",
            extra_json_schema=_STATUSES,
        ),
    ]
    migrated_numbers: Annotated[
        list[Digits], Meta(description="Was in a number group of an older console; will be listed here.")
    ]
    delisted_numbers: Annotated[
        list[Digits], Meta(description="Being delisted, so not listed; send the number again when delisting has ended.")
    ]
    updated_numbers: Annotated[list[Digits], Meta(description="Failed earlier; will be listed.")]


class DelistedOut(msgspec.Struct):
    """What happens to each number: each is in exactly one list, in the order of the request."""

    client_account_id: AccountIdOut
    phone_type: Annotated[str, Meta(description="Always empty here.", extra_json_schema={"enum": [""]})]
    processing_numbers: Annotated[list[Digits], Meta(description="Already being delisted.")]
    new_numbers: Annotated[list[Digits], Meta(description="Unknown number; nothing to delist.")]
    other_phonetype_numbers: Annotated[
        list[Digits], Meta(description="In another of your feature sets with a different phone type; not delisted.")
    ]
    existing_numbers: Annotated[list[Digits], Meta(description="In this feature set; will be delisted.")]
    others_numbers: Annotated[list[Digits], Meta(description="Belongs to another account.")]
    invalid_numbers: Annotated[list[str], Meta(description="Not a phone number; shown as sent.")]
    other_feature_set_numbers: Annotated[
        list[Digits], Meta(description="In another of your feature sets; not delisted.")
    ]
    status: Annotated[str, Meta(description="`failed` if no number is delisted.", extra_json_schema=_STATUSES)]


class NumberOut(msgspec.Struct):
    """One number. Department, operation, process and sub-process are names; they are empty for a number group."""

    phone_number: Annotated[str, Meta(description="Country code and digits, no `+`.", extra_json_schema=_PHONE)]
    phone_type: PhoneTypeOut
    status: Annotated[
        str,
        Meta(
            description="The number's state; only a `listed` number shows its identity.",
            extra_json_schema={"enum": [state.value for state in NumberState]},
        ),
    ]
    client_account_id: AccountIdOut
    created_by_email: Annotated[str, Meta(description="Who first published it.")]
    department: Annotated[str, Meta(description="Its department's name.")]
    operation: Annotated[str, Meta(description="Its calling operation's name.")]
    process: Annotated[str, Meta(description="Its process's name.")]
    subprocess: Annotated[str, Meta(description="Its sub-process's name; empty if it has none.")]
    feature_set_name: Annotated[str, Meta(description="Its feature set's name.")]
    call_me_back: Annotated[
        str,
        Meta(
            description="Whether its feature set offers Call Me Back.",
            extra_json_schema={"enum": ["enabled", "disabled"]},
        ),
    ]
    created_at: Annotated[
        str, Meta(description="When the account first published it, UTC, microseconds.", extra_json_schema=DATE_TIME)
    ]
    updated_at: Annotated[
        str, Meta(description="When its state last changed, UTC, microseconds.", extra_json_schema=DATE_TIME)
    ]
    label_name: Annotated[str, Meta(description="The name that handsets show.")]


class NumbersOut(msgspec.Struct):
    """A page of numbers."""

    numbers: Annotated[list[NumberOut], Meta(description="Newest first, then by number in descending order.")]
    pagination_information: Annotated[PagingOut, Meta(description="Number of pages.")]


_ERRORS = (
    bad("phone_numbers is required", "`phone_numbers` is missing, null or an empty string"),
    bad("phone_numbers is invalid", "`phone_numbers` is not an array of strings"),
    bad(f"phone_numbers must contain between 1 and {MOST_NUMBERS} numbers", "the array is empty or too long"),
    BAD_JSON,
)
_IN_PATH = ParamDoc(
    "featureSetId",
    "The feature set; list them with `GET …/number_management/feature_sets`. An unknown"
    " id, or one of another account, answers 403.",
    UUID,
    place="path",
    required=True,
)
_SENT = {"Two numbers": {"phone_numbers": ["918040001234", "918040001235"]}}
_NONE: dict[str, object] = {
    "other_phonetype_numbers": [],
    "existing_numbers": [],
    "others_numbers": [],
    "invalid_numbers": [],
    "other_feature_set_numbers": [],
}

PUBLISH_DOC = Doc(
    name="publishNumbers",
    summary="List numbers",
    description=(
        "Adds numbers to a feature set and publishes it. The answer says what happens to each"
        " number. Accepted numbers are `pending` until they are listed, which takes seconds,"
        " or until the operator has approved them. A number belongs to one account and is in"
        " one feature set."
    ),
    tag=_TAG,
    request=PhoneNumbers,
    requests=_SENT,
    response=PublishedOut,
    responses={
        "Both are new": {
            "client_account_id": ACCOUNT_ID,
            "created_by_email": "ops@acme.example",
            "phone_type": "verified",
            "new_numbers": ["918040001234", "918040001235"],
            **_NONE,
            "status": "pending",
            "migrated_numbers": [],
            "delisted_numbers": [],
            "updated_numbers": [],
        }
    },
    params=(_IN_PATH,),
    errors=(
        *_ERRORS,
        bad("a feature set without a label cannot be published", "the feature set has no label; give it one first"),
    ),
)

DELIST_DOC = Doc(
    name="delistNumbers",
    summary="Delist numbers",
    description=(
        "Removes numbers from a feature set and from the account. The answer says what"
        " happens to each number. Accepted numbers are `delisting`: they show nothing from"
        " now on and are removed within seconds."
    ),
    tag=_TAG,
    request=PhoneNumbers,
    requests=_SENT,
    response=DelistedOut,
    responses={
        "One is delisted, one is unknown": {
            "client_account_id": ACCOUNT_ID,
            "phone_type": "",
            "processing_numbers": [],
            "new_numbers": ["918040001235"],
            **_NONE,
            "existing_numbers": ["918040001234"],
            "status": "pending",
        },
    },
    params=(_IN_PATH,),
    errors=_ERRORS,
)


FEATURE_SET = ParamDoc("feature_set_id", "Only numbers in this feature set.", UUID)
FILTERS = (DEPARTMENT, OPERATION, PROCESS, FEATURE_SET)

NUMBERS_DOC = Doc(
    name="listNumbers",
    summary="List number details",
    description=(
        "Returns the account's numbers in every state, newest first. Give at most one filter;"
        " an id that matches nothing returns an empty page."
    ),
    tag=_TAG,
    response=NumbersOut,
    responses={
        "One number": {
            "numbers": [
                {
                    "phone_number": "918040001234",
                    "phone_type": "verified",
                    "status": "listed",
                    "client_account_id": ACCOUNT_ID,
                    "created_by_email": "ops@acme.example",
                    "department": "Retail",
                    "operation": "Delivery",
                    "process": "Last mile",
                    "subprocess": "",
                    "feature_set_name": "Delivery default",
                    "call_me_back": "enabled",
                    "created_at": "2025-11-03T08:15:30.204511Z",
                    "updated_at": "2025-11-04T09:00:00.000120Z",
                    "label_name": "Acme Deliveries",
                }
            ],
            "pagination_information": {"total_page_count": 1},
        },
        "None": {"numbers": [], "pagination_information": {"total_page_count": 0}},
    },
    params=(
        *FILTERS,
        LIMIT,
        PAGE,
    ),
    errors=(
        TWO_FILTERS,
        *map(bad_filter, FILTERS),
        BAD_LIMIT,
        BAD_PAGE,
    ),
)
