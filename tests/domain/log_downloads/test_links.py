"""Links say what they mean, and nobody else can make them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st
from itsdangerous import Signer
from msgspec.structs import replace

from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId, CampaignId
from callmark.domain.log_downloads import links
from callmark.domain.log_downloads.model import FileFormat, LogFile
from callmark.kit.errors import NotFound
from callmark.kit.ids import new_id
from callmark.kit.settings import Secret

NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)
KEY, OTHER = Secret("a" * 32), Secret("b" * 32)
EXPORT = LogFile(
    AccountId(new_id()), EventType.CALL_ME_BACK, None, NOW - timedelta(days=1), NOW + timedelta(microseconds=1)
)
OF_SURVEY = replace(
    EXPORT, event_type=EventType.USER_FEEDBACK, campaign_id=CampaignId(new_id()), file_format=FileFormat.NDJSON
)


@pytest.mark.parametrize("export", [EXPORT, OF_SURVEY])
def test_a_link_says_which_file_it_means_and_until_when(export: LogFile) -> None:
    token = links.signed(KEY, export, NOW)
    assert links.opened([KEY], token) == (export, NOW)
    assert len(token) < 250


@given(st.integers(0), st.characters(codec="utf-8"))
def test_a_link_with_any_character_changed_is_nothing(place: int, other: str) -> None:
    token = links.signed(KEY, EXPORT, NOW)
    place %= len(token)
    forged = token[:place] + other + token[place + 1 :]
    if forged == token:
        return
    # The last character of base64 may hold bits that mean nothing; then the link is the same one, spelled otherwise.
    try:
        assert links.opened([KEY], forged) == (EXPORT, NOW)
    except NotFound:
        return
    assert place == len(token) - 1


@given(st.text())
def test_any_other_text_is_nothing(text: str) -> None:
    with pytest.raises(NotFound):
        links.opened([KEY], text)


def test_a_link_of_another_installation_or_for_another_purpose_is_nothing() -> None:
    token = links.signed(KEY, EXPORT, NOW)
    with pytest.raises(NotFound):
        links.opened([OTHER], token)
    with pytest.raises(NotFound):
        links.opened([KEY], Signer("a" * 32, salt=b"password reset").sign(token.partition(".")[0]).decode())


def test_while_a_key_is_replaced_links_of_both_are_good() -> None:
    for key in (KEY, OTHER):
        assert links.opened([OTHER, KEY], links.signed(key, EXPORT, NOW)) == (EXPORT, NOW)
