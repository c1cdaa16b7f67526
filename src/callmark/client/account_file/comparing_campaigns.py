"""What a file changes in campaigns: a draft changes, a live one asks, an ended one is over."""

from collections.abc import Sequence
from typing import Any

from msgspec import UnsetType

from callmark.client.account_file.comparing import Comparison
from callmark.client.account_file.entries import CampaignEntry, QuestionEntry
from callmark.client.account_file.plans import (
    AccountChange,
    ApiStep,
    FieldDifference,
    Key,
    Phase,
    Ref,
    Step,
    campaign_key,
    differing,
)

_FIELDS = ("campaign_type", "call_types", "questions")


def compare_campaigns(
    of: Comparison,
    feature_set: Key,
    place: str,
    wanted: list[CampaignEntry] | UnsetType,
    present: list[CampaignEntry] | UnsetType,
) -> None:
    """The campaigns of a feature set, by name; `present` are its drafts and live ones."""

    def key(campaign: CampaignEntry) -> Key:
        return campaign_key(feature_set, campaign.name)

    def told(campaign: CampaignEntry) -> str:
        return f"campaign {place} / {campaign.name}"

    for found, wanted_one, present_one in of.pairs(wanted, present, key, told):
        if wanted_one is not None:
            _compare_one(of, found, f"{place} / {wanted_one.name}", wanted_one, present_one)
        elif present_one is not None:
            _take_down(of, found, f"{place} / {present_one.name}", present_one)


def _compare_one(of: Comparison, key: Key, name: str, wanted: CampaignEntry, present: CampaignEntry | None) -> None:
    if wanted.state == "ended":
        _end(of, key, name, present)
    elif present is None:
        _create(of, key, name, wanted)
    else:
        _change(of, key, name, wanted, present)


def _end(of: Comparison, key: Key, name: str, present: CampaignEntry | None) -> None:
    if present is None:
        return
    if present.state == "draft":
        of.fault("campaign", name, "is a draft; leave it out of the file and use --prune to delete it")
        return
    fields = [FieldDifference("state", "live", "ended")]
    step = ApiStep(Phase.CAMPAIGN_ENDS, "POST", ("campaigns", Ref(key), "end"))
    of.add(AccountChange("change", "campaign", name, fields, [step], "it never asks again"))


def _create(of: Comparison, key: Key, name: str, wanted: CampaignEntry) -> None:
    fields = differing(wanted, None, (*_FIELDS, "state"))
    body: dict[str, Any] = {one.name: one.after for one in fields if one.name != "state"}
    body |= {"feature_set_id": Ref(("feature_set", *key[1:-1])), "name": wanted.name.strip()}
    if isinstance(wanted.questions, list):
        body["questions"] = _questions(of, key, wanted.questions)
    steps: list[Step] = [ApiStep(Phase.CAMPAIGNS, "POST", ("campaigns",), body, key)]
    of.add(AccountChange("create", "campaign", name, fields, steps + _start(key, wanted, None)))


def _change(of: Comparison, key: Key, name: str, wanted: CampaignEntry, present: CampaignEntry) -> None:
    fields = differing(wanted, present, (*_FIELDS, "state"))
    changed = {one.name for one in fields}
    if "campaign_type" in changed:
        of.fault("campaign", name, "its campaign_type never changes; give the new campaign another name")
    elif present.state == "live" and changed:
        why = "is live and cannot change; set its state to ended, and give the new campaign another name"
        of.fault("campaign", name, why)
    elif changed:
        body: dict[str, Any] = {one.name: one.after for one in fields if one.name != "state"}
        if isinstance(wanted.questions, list) and "questions" in body:
            body["questions"] = _questions(of, key, wanted.questions)
        steps: list[Step] = [ApiStep(Phase.CAMPAIGNS, "PATCH", ("campaigns", Ref(key)), body)] if body else []
        of.add(AccountChange("change", "campaign", name, fields, steps + _start(key, wanted, present)))


def _start(key: Key, wanted: CampaignEntry, present: CampaignEntry | None) -> list[Step]:
    if wanted.state != "live" or (present is not None and present.state == "live"):
        return []
    return [ApiStep(Phase.CAMPAIGN_STARTS, "POST", ("campaigns", Ref(key), "live"))]


def _questions(of: Comparison, campaign: Key, wanted: Sequence[QuestionEntry]) -> list[dict[str, Any]]:
    """The questions of a request; one that the campaign has keeps its id."""
    found: list[dict[str, Any]] = []
    for one in wanted:
        body: dict[str, Any] = {"text": one.text, "options": one.options}
        if known := of.present.ids.get(("question", *campaign[1:], one.text.strip())):
            body["id"] = known
        found.append(body)
    return found


def _take_down(of: Comparison, key: Key, name: str, present: CampaignEntry) -> None:
    """A live campaign ends and keeps its answers; a draft is deleted."""
    if present.state == "live":
        step = ApiStep(Phase.NO_CAMPAIGNS, "POST", ("campaigns", Ref(key), "end"))
        of.gone("campaign", name, step, warning="it ends; its answers stay")
    else:
        of.gone("campaign", name, ApiStep(Phase.NO_CAMPAIGNS, "DELETE", ("campaigns", Ref(key))))
