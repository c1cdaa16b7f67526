"""The answers of call personalisation. Source: contract, sections 4, 5 and 11; D9."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from callmark.domain.personalisation.model import Outcome
from callmark.surfaces.api.doc_parts import DATE_TIME, UUID
from callmark.surfaces.api.example_values import LABEL_ID
from callmark.surfaces.api.records import CATALOGUE

_STATUSES_V1 = [Outcome.PENDING.value, Outcome.SUCCESS.value, *(name.lower() for name in CATALOGUE.values())]
_STATUSES = [Outcome.PENDING.value, Outcome.SUCCESS.value, "error"]
_ID = Meta(description="The record.", extra_json_schema=UUID)
_ACCOUNT = Meta(description="The client account.", extra_json_schema=UUID)
_BATCH = Meta(description="The batch.", extra_json_schema=UUID)
_CREATED = Meta(description="When it was accepted, UTC, milliseconds.", extra_json_schema=DATE_TIME)
_AS_SENT = "; for an invalid record, the value as sent"
_CALLER = Meta(description=f"The caller's number{_AS_SENT}.", examples=["918040001234"])
_RECEIVER = Meta(description=f"The receiver's number{_AS_SENT}.", examples=["919900000001"])
_LABEL = Meta(description=f"The label used{_AS_SENT}.", examples=[LABEL_ID])
_NAME = Meta(description=f"The name that is shown{_AS_SENT}.", examples=["Acme Deliveries"])
_REASON = Meta(description=f"The call reason, or `null`{_AS_SENT}.", examples=["Your parcel arrives today"])
_STARTS = Meta(description=f"Start of the window, epoch milliseconds{_AS_SENT}.", examples=[1_767_261_600_000])
_ENDS = Meta(description=f"End of the window, epoch milliseconds{_AS_SENT}.", examples=[1_767_283_200_000])


class UploadedOut(msgspec.Struct):
    """v1's answer to a POST; the batch id stands in the text only."""

    status: Annotated[
        str,
        Meta(description="`error`: valid, but not pushed.", extra_json_schema={"enum": ["success", "error"]}),
    ]
    message: Annotated[
        str, Meta(description="Ends with `BatchID: ` and the batch id, or says why the record was not pushed.")
    ]


class BatchOut(msgspec.Struct):
    """v2's and v3's answer to a batch."""

    batch_id: Annotated[str, Meta(description="The id to use for the batch status.", extra_json_schema=UUID)]


class StatusInfo(msgspec.Struct):
    """v2's and v3's result of one record."""

    status: Annotated[str, Meta(description="The outcome.", extra_json_schema={"enum": _STATUSES})]
    field: Annotated[str | UnsetType, Meta(description="The field at fault, for an invalid record.")] = UNSET
    message: Annotated[
        str | UnsetType, Meta(description="The reason: a name from the result catalogue, or a text for people.")
    ] = UNSET


class RealTimeOut(msgspec.Struct):
    """v2's and v3's answer to a real-time push."""

    status_info: Annotated[StatusInfo, Meta(description="The outcome of the push.")]


class RecordOutV1(msgspec.Struct):
    """One record of a v1 batch status."""

    id: Annotated[str, _ID]
    client_account_id: Annotated[str, _ACCOUNT]
    batch_id: Annotated[str, _BATCH]
    caller: Annotated[Any, _CALLER]
    receiver: Annotated[Any, _RECEIVER]
    label_id: Annotated[Any, _LABEL]
    label_name: Annotated[Any, _NAME]
    call_reason: Annotated[Any, _REASON]
    starts_at: Annotated[Any, _STARTS]
    ends_at: Annotated[Any, _ENDS]
    status: Annotated[str, Meta(description="The outcome.", extra_json_schema={"enum": _STATUSES_V1})]
    created_at: Annotated[str, _CREATED]


class RecordOutV2(msgspec.Struct):
    """One record of a v2 or v3 batch status."""

    id: Annotated[str, _ID]
    caller_number: Annotated[Any, _CALLER]
    receiver_number: Annotated[Any, _RECEIVER]
    label_id: Annotated[Any, _LABEL]
    dynamic_label_name: Annotated[Any, _NAME]
    dynamic_call_reason: Annotated[Any, _REASON]
    starts_at: Annotated[Any, _STARTS]
    ends_at: Annotated[Any, _ENDS]
    status_info: Annotated[StatusInfo, Meta(description="The outcome.")]
    created_at: Annotated[str, _CREATED]


class StatusOut(msgspec.Struct):
    """v2's and v3's batch status."""

    client_account_id: Annotated[str, _ACCOUNT]
    batch_id: Annotated[str, _BATCH]
    data: Annotated[list[RecordOutV2], Meta(description="The records, in the order sent.")]
