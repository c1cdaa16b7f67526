"""What is sent as it is already is no change: nothing is written, and the audit log has no line of it."""

from typing import Any

from tests.support.factories import make_label
from tests.surfaces.api.management.managing import Manager, make_everything, managing

from callmark.domain.deps import Deps
from callmark.domain.labels.model import LabelType

PATCHED = {
    "labels/{labelId}": {"name", "sub_category"},
    "call_reasons/{callReasonId}": {"call_reason"},
    "departments/{departmentId}": {"name"},
    "processes/{processId}": {"name"},
    "feature_sets/{featureSetId}": {"name", "description", "label_id", "call_me_back", "survey", "phone_type"},
    "feature_sets/{featureSetId}/callback_config": {"name", "slot_picker", "time_zone", "hours"},
    "webhooks/{webhookId}": {"name", "url", "event_types", "honours_retry_after", "stops_on_gone"},
    "campaigns/{draftId}": {"name", "call_types"},
    "alert_recipients/{recipientId}": {"alert_kinds"},
    "spoof_protection": {"announced_calls_only"},
}
"""The paths that take a PATCH, and what they take that they also show."""


async def _shown(alice: Manager, at: str) -> Any:
    """What is there; of a part of the structure, as its changes are answered."""
    kind, _, unit = at.partition("/")
    if kind not in {"departments", "processes"}:
        return await alice.get(at)
    shown = await alice.get(f"structure/{unit}")
    return {name: value for name, value in shown.items() if name not in {"feature_sets", "children"}}


async def test_a_change_that_changes_nothing_leaves_no_trace(deps: Deps) -> None:
    async with managing(deps) as alice:
        ids = await make_everything(deps, alice.account_id)
        new = {"feature_set_id": ids["featureSetId"], "name": "Draft", "campaign_type": "questions"}
        new |= {"call_types": ["missed"]}
        ids["draftId"] = (await alice.create("campaigns", new))["id"]
        default = await make_label(deps, alice.account_id, label_type=LabelType.DYNAMIC)
        await alice.patch(f"labels/{default.id}", {"is_default": True})
        await alice.post(f"webhooks/{ids['webhookId']}/pause")
        before = await alice.actions()
        for path, fields in PATCHED.items():
            at = path.format(**ids)
            shown = await _shown(alice, at)
            assert fields <= shown.keys(), path
            assert shown | await alice.patch(at, {field: shown[field] for field in fields}) == shown, path
            empty = await alice.ask("PATCH", at, {})
            assert empty.status_code == 400 or shown | empty.json() == shown, path
            assert await _shown(alice, at) == shown, path
        await alice.patch(f"labels/{default.id}", {"is_default": True})
        for step, to in (
            (f"webhooks/{ids['webhookId']}/pause", None),
            (f"feature_sets/{ids['featureSetId']}/publish", None),
            (f"feature_sets/{ids['featureSetId']}/move", {"process_id": ids["processId"]}),
            (f"processes/{ids['processId']}/move", {"operation_id": ids["operationId"]}),
        ):
            shown = await _shown(alice, step.rpartition("/")[0])
            assert shown | await alice.post(step, to) == shown, step
        assert await alice.actions() == before
