"""What the audit log notes, in the words of the other pages."""

import pytest
from tests.surfaces.console.browser import Business, Visitors, text_of

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.surfaces.console import audit_names


def test_what_is_noted_of_keys_and_limits_is_said_with_its_values() -> None:
    assert audit_names.details({"features": ["call_me_back", "management"]}) == "features: Call Me Back, Management"
    assert audit_names.details({"limits": {"batch": 20, "webhooks": 3}}) == (
        "limits: Batches (v2 and v3) per minute and token 20, Webhooks at the same time 3"
    )


async def test_the_log_says_to_what_a_limit_was_changed(deps: Deps, business: Business, browse: Visitors) -> None:
    await accounts.set_limits(deps, business.account.id, {"batch": 20, "bulk-v1": None}, by=SYSTEM)
    alice = await browse.as_member(business.admin)
    assert "limits: Batches (v2 and v3) per minute and token 20" in text_of(await alice.get("/console/audit"))


@pytest.mark.parametrize(
    ("noted", "said"),
    [
        (
            {"alert_kinds": ["webhook_failing"], "recipient_kind": "email"},
            "alerts: Webhook failing; recipient kind: email",
        ),
        ({"event_type": "cmb", "state": "rescheduled"}, "event: Call Me Back; state: Rescheduled"),
        ({"role": "admin", "state": "revoked"}, "role: Admin; state: Access revoked"),
        ({"kind": "operation"}, "kind: Calling operation"),
        ({"type": "static"}, "type: Static"),
        ({"type": "call_rating", "questions": 1}, "type: Call Rating; questions: 1"),
        ({"way": "letter"}, "way: with a letter of authorisation"),
        ({"channel": "sms"}, "channel: SMS"),
        ({"os": "ios"}, "system: iOS"),
        ({"outcome": "failed_to_push"}, "outcome: Failed to push"),
        ({"call_me_back": True, "survey": False}, "Call Me Back: yes; User Feedback: no"),
        ({"state": "of an older version"}, "state: of an older version"),
    ],
)
def test_what_other_pages_name_is_named_so_in_the_log(noted: dict[str, object], said: str) -> None:
    assert audit_names.details(noted) == said
