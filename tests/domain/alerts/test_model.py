"""What is posted to a channel, when it is posted again, and how its address is shown."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given, strategies as st
from tests.domain.alerts.recipients_of_tests import channel

from callmark.domain.alerts import model
from callmark.domain.alerts.model import RETRIES, Alert, AlertKind
from callmark.domain.ids import AccountId
from callmark.kit.errors import InvalidInput

NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)
EVIL = "<!channel> & <https://evil.example|pay here>"


def alert(subject: str = "Acme: webhook orders is failing") -> Alert:
    links = [("Open the webhook", "https://callmark.example/console/webhooks")]
    return Alert(AlertKind.WEBHOOK_FAILING, AccountId(uuid4()), subject, ["One line.", "Another."], links)


def test_a_post_is_text_for_a_chat_and_the_same_in_parts() -> None:
    one = alert()
    body = msgspec.json.decode(model.post_body(one, "Acme", NOW))
    assert body["text"] == (
        "*Acme: webhook orders is failing*\nOne line.\nAnother.\n"
        "Open the webhook: https://callmark.example/console/webhooks"
    )
    assert body == {
        "text": body["text"],
        "kind": "webhook_failing",
        "client_account_id": str(one.account_id),
        "account_name": "Acme",
        "subject": one.subject,
        "lines": ["One line.", "Another."],
        "links": [{"text": "Open the webhook", "url": "https://callmark.example/console/webhooks"}],
        "created_at": "2026-01-01T10:00:00.000Z",
    }


def test_a_name_calls_nobody_in_a_chat() -> None:
    body = msgspec.json.decode(model.post_body(alert(EVIL), "Acme", NOW))
    assert "<" not in body["text"]
    assert "&lt;!channel&gt; &amp;" in body["text"]
    assert model.chat_text("@everyone, a@b.example") == "@\u200beveryone, a@\u200bb.example"
    assert body["subject"] == EVIL


def test_a_post_is_tried_three_more_times() -> None:
    assert [model.next_post_at(NOW, failures) for failures in (1, 2, 3, 4)] == [
        NOW + timedelta(minutes=1),
        NOW + timedelta(minutes=5),
        NOW + timedelta(minutes=30),
        None,
    ]
    assert len(RETRIES) == 3


@given(st.from_regex(r"https://hooks\.example\.com/[A-Za-z0-9/]{12,60}", fullmatch=True))
def test_a_saved_address_is_shown_without_what_is_secret(url: str) -> None:
    shown = channel(url).short_url
    assert shown.startswith("hooks.example.com/…")
    assert len(shown) == len("hooks.example.com/…") + 4
    assert shown.endswith(url[-4:])


def test_everyone_but_admins_gets_at_least_one_kind() -> None:
    assert model.wanted_kinds(["webhook_paused", "no_such"], is_admins=False) == {AlertKind.WEBHOOK_PAUSED}
    assert model.wanted_kinds([], is_admins=True) == frozenset()
    with pytest.raises(InvalidInput, match="at least one kind"):
        model.wanted_kinds(["no_such"], is_admins=False)
