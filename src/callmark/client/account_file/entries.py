"""The account as a file says it (docs/config-file.md). A list or a field that is left out (UNSET) is left alone."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from callmark.client.reprs import SafeRepr

CallTypeName = Literal["answered", "missed"]
EventTypeName = Literal["cmb", "user_feedback", "possible_spoof"]
SetStatus = Literal["draft", "published", "unpublished"]
Name = Annotated[str, Meta(min_length=1)]


class LabelEntry(Struct, kw_only=True):
    """A label; the two types have names of their own."""

    name: Name
    label_type: Literal["dynamic", "static"]
    sub_category: int | UnsetType = UNSET
    logo: str | UnsetType = UNSET
    """The logo's file, beside this one; of an account, the logo's address."""
    is_default: bool | UnsetType = UNSET


class CallbackEntry(Struct, kw_only=True):
    """A Call Me Back configuration."""

    name: str | UnsetType = UNSET
    slot_picker: bool | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    hours: str | UnsetType = UNSET


class QuestionEntry(Struct):
    """A question of a campaign: with options a choice."""

    text: Name
    options: list[str] = []


class CampaignEntry(Struct, kw_only=True):
    """A feedback campaign of a feature set. One that has ended is not found by its name."""

    name: Name
    campaign_type: Literal["call_rating", "questions"]
    state: Literal["draft", "live", "ended"] | UnsetType = UNSET
    call_types: list[CallTypeName] | UnsetType = UNSET
    questions: list[QuestionEntry] | UnsetType = UNSET


class FeatureSetEntry(Struct, kw_only=True):
    """A feature set; `label` is the name of a static label, `call_reason` a text of the library."""

    name: Name
    description: str | UnsetType = UNSET
    status: SetStatus | UnsetType = UNSET
    label: str | UnsetType | None = UNSET
    call_reason: str | UnsetType | None = UNSET
    call_me_back: bool | UnsetType = UNSET
    survey: bool | UnsetType = UNSET
    phone_type: Literal["verified", "priority"] | UnsetType = UNSET
    numbers: list[str] | UnsetType = UNSET
    numbers_file: str | UnsetType = UNSET
    """A file of numbers, beside this one, instead of `numbers`."""
    callback_config: CallbackEntry | UnsetType | None = UNSET
    campaigns: list[CampaignEntry] | UnsetType = UNSET


class SubProcessEntry(Struct, kw_only=True):
    """A sub-process."""

    name: Name
    feature_sets: list[FeatureSetEntry] | UnsetType = UNSET


class ProcessEntry(Struct, kw_only=True):
    """A process."""

    name: Name
    feature_sets: list[FeatureSetEntry] | UnsetType = UNSET
    sub_processes: list[SubProcessEntry] | UnsetType = UNSET


class OperationEntry(Struct, kw_only=True):
    """A calling operation, by its name in the catalogue."""

    name: Name
    processes: list[ProcessEntry] | UnsetType = UNSET


class DepartmentEntry(Struct, kw_only=True):
    """A department."""

    name: Name
    operations: list[OperationEntry] | UnsetType = UNSET


class WebhookEntry(SafeRepr, Struct, kw_only=True):
    """A webhook; its secret is not part of a file."""

    name: Name
    url: str | UnsetType = UNSET
    event_types: list[EventTypeName] | UnsetType = UNSET
    honours_retry_after: bool | UnsetType = UNSET
    stops_on_gone: bool | UnsetType = UNSET
    paused: bool | UnsetType = UNSET


class AccountFile(Struct, kw_only=True):
    """A whole file."""

    labels: list[LabelEntry] | UnsetType = UNSET
    call_reasons: list[Name] | UnsetType = UNSET
    departments: list[DepartmentEntry] | UnsetType = UNSET
    webhooks: list[WebhookEntry] | UnsetType = UNSET


UnitEntry = DepartmentEntry | OperationEntry | ProcessEntry | SubProcessEntry
