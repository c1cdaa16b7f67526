"""Events for log downloads, and what is read from their files."""

import csv
import io
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests.support.actors import ALICE
from tests.support.listed_number import Listed, make_listed, ring

from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks.model import NewCallbackRequest
from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.answers import NewFeedback, answer
from callmark.domain.feedback.model import CallType, Campaign, CampaignType, NewQuestion, QuestionAnswer
from callmark.domain.ids import AccountId, CampaignId
from callmark.domain.log_downloads.model import FileFormat, LogFile
from callmark.domain.log_downloads.service import Download
from callmark.kit.ids import random_uuid

OUR_FILE = f"exports/20991201T000000Z-0-{'0' * 31}a-{'0' * 31}b.csv"
NOT_OURS = "exports/20991201.csv"
HOUR = timedelta(hours=1)
QUESTIONS = (NewQuestion("Did the courier arrive on time?", ["Yes", "No"]), NewQuestion("Anything else?"))


async def asked_to_call_back(deps: Deps, listed: Listed | None = None, **said: Any) -> Listed:
    """A receiver of the listed number (a new account's by default) asks to be called back."""
    listed = listed or await make_listed(deps)
    receiver, _ = await ring(deps, listed)
    await callbacks.request(deps, receiver, NewCallbackRequest(random_uuid(), listed.number, **said))
    return listed


async def make_survey(deps: Deps, listed: Listed) -> Campaign:
    """A live campaign with a choice and free text."""
    draft = await feedback.create_campaign(
        deps,
        listed.account_id,
        feature_set_id=listed.feature_set_id,
        name="Delivery check",
        campaign_type=CampaignType.QUESTIONS,
        questions=QUESTIONS,
        by=ALICE,
    )
    return await feedback.make_live(deps, listed.account_id, draft.id, by=ALICE)


async def answered(deps: Deps, listed: Listed, survey: Campaign, *texts: str) -> None:
    """A new receiver answers the survey's questions."""
    receiver, call_id = await ring(deps, listed, CallEvent.ANSWERED)
    given = [QuestionAnswer(question.id, text) for question, text in zip(survey.questions, texts, strict=False)]
    await answer(deps, receiver, NewFeedback(call_id, listed.number, survey.id, CallType.ANSWERED, given))


async def payloads(deps: Deps, account_id: AccountId) -> list[dict[str, Any]]:
    """The payloads of the account's events, in order."""
    found, _ = await events.events_after(deps, account_id, 0, 10_000)
    return [json.loads(event.body)[event.event_type.payload_key] for event in found]


def export(
    deps: Deps,
    account_id: AccountId,
    kind: EventType = EventType.CALL_ME_BACK,
    file_format: FileFormat = FileFormat.CSV,
    campaign_id: CampaignId | None = None,
) -> LogFile:
    """An hour to either side of now."""
    now = deps.clock.now()
    return LogFile(account_id, kind, campaign_id, now - HOUR, now + HOUR, file_format)


async def content_of(download: Download) -> bytes:
    """The whole file."""
    return b"".join([chunk async for chunk in download.stored.chunks])


def rows(content: bytes) -> list[dict[str, str]]:
    """The lines of a CSV file, by column."""
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))


def as_cells(payload: Mapping[str, Any]) -> dict[str, str]:
    """How a payload's fields stand in a CSV file."""
    return {name: _cell(value) for name, value in payload.items()}


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
