"""The SQL of feedback."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from callmark.domain.feedback.model import (
    CallType,
    Campaign,
    CampaignFilter,
    CampaignOffer,
    CampaignState,
    CampaignType,
    Feedback,
    Question,
    StoredAnswer,
)
from callmark.domain.ids import AccountId, CallId, CampaignId, FeatureSetId, FeedbackId
from callmark.kit.errors import Conflict
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.any_case import in_any_case
from callmark.kit.postgres.database import Row, Tx

_CAMPAIGN = (
    "id, account_id, feature_set_id, name, campaign_type, asks_answered, asks_missed, questions, state,"
    " created_by_email, created_at, updated_at, live_at, ended_at"
)
_FEEDBACK = "id, account_id, campaign_id, receiver_number, call_id, business_number, call_type, responded_at, responses"

_EACH = "SELECT responses, 1 AS n FROM feedback WHERE campaign_id = $1"
_EQUAL = (
    "SELECT responses::json, n FROM"
    " (SELECT responses::text, count(*) AS n FROM feedback WHERE campaign_id = $1 GROUP BY 1) AS equal"
)

_questions = msgspec.json.Decoder(tuple[Question, ...])
_responses = msgspec.json.Decoder(tuple[StoredAnswer, ...])


async def insert_campaign(tx: Tx, campaign: Campaign) -> None:
    """Writes a new campaign."""
    await tx.execute(
        f"INSERT INTO campaign ({_CAMPAIGN}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        *_values(campaign),
    )


async def update_campaign(tx: Tx, campaign: Campaign) -> None:
    """Sets what may change of a campaign. Conflict when another is live for one of its call types."""
    try:
        await tx.execute(
            "UPDATE campaign SET name = $2, asks_answered = $3, asks_missed = $4, questions = $5, state = $6,"
            " updated_at = $7, live_at = $8, ended_at = $9 WHERE id = $1",
            campaign.id,
            campaign.name,
            CallType.ANSWERED in campaign.call_types,
            CallType.MISSED in campaign.call_types,
            msgspec.json.encode(campaign.questions).decode(),
            campaign.state.value,
            campaign.updated_at,
            campaign.live_at,
            campaign.ended_at,
        )
    except asyncpg.UniqueViolationError as exc:
        raise Conflict("another campaign of this feature set is already live for the same calls; end it first") from exc


async def select_campaign(tx: Tx, account_id: AccountId, campaign_id: CampaignId) -> Campaign | None:
    """The account's campaign, or None."""
    row = await tx.fetchrow(
        f"SELECT {_CAMPAIGN} FROM campaign WHERE id = $2 AND account_id = $1",
        account_id,
        campaign_id,
    )
    return _campaign(row) if row else None


async def lock_campaign(tx: Tx, account_id: AccountId, campaign_id: CampaignId) -> Campaign | None:
    """As `select_campaign`, the row locked until the transaction ends; answers to it continue meanwhile."""
    row = await tx.fetchrow(
        f"SELECT {_CAMPAIGN} FROM campaign WHERE id = $2 AND account_id = $1 FOR NO KEY UPDATE",
        account_id,
        campaign_id,
    )
    return _campaign(row) if row else None


async def select_campaigns(
    tx: Tx,
    account_id: AccountId,
    wanted: CampaignFilter,
    among: Collection[FeatureSetId] | None,
    before: tuple[datetime, UUID] | None,
    limit: int | None,
) -> list[Campaign]:
    """Up to `limit` (None: all) of the account's wanted campaigns, newest first, older than the one at `before`.

    Only of the feature sets `among`, or of all. Index campaign_account_newest; campaign_feature_set for one of them.
    """
    rows = await tx.fetch(
        f"SELECT {_CAMPAIGN} FROM campaign c WHERE account_id = $1"
        " AND ($2 = '' OR name ~ $2 OR (SELECT f.name FROM feature_set f WHERE f.id = c.feature_set_id) ~ $2)"
        " AND ($3::text IS NULL OR state = $3) AND ($4::text IS NULL OR campaign_type = $4)"
        " AND ($5::uuid IS NULL OR feature_set_id = $5) AND ($6::uuid[] IS NULL OR feature_set_id = ANY ($6))"
        " AND ($7::timestamptz IS NULL OR (created_at, id) < ($7, $8::uuid))"
        " ORDER BY created_at DESC, id DESC LIMIT $9",
        account_id,
        in_any_case(wanted.text),
        wanted.state and wanted.state.value,
        wanted.campaign_type and wanted.campaign_type.value,
        wanted.feature_set_id,
        among,
        *(before or (None, None)),
        limit,
    )
    return [_campaign(row) for row in rows]


async def select_live(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId) -> dict[CallType, CampaignOffer]:
    """What the feature set's live campaigns ask, at most one after a type of call. Index campaign_feature_set."""
    rows = await tx.fetch(
        "SELECT id, name, campaign_type, asks_answered, asks_missed, questions FROM campaign"
        " WHERE feature_set_id = $2 AND account_id = $1 AND state = 'live'",
        account_id,
        feature_set_id,
    )
    return {kind: _offer(row) for row in rows for kind in CallType if row[f"asks_{kind.value}"]}


async def delete_campaign(tx: Tx, campaign_id: CampaignId) -> None:
    """Removes a campaign with its answers."""
    await tx.execute("DELETE FROM campaign WHERE id = $1", campaign_id)


async def insert_feedback(tx: Tx, feedback: Feedback) -> bool:
    """Writes a new answer; False when this call has one, which stands. Waits for one that is being written."""
    tag = await tx.execute(
        f"INSERT INTO feedback ({_FEEDBACK}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        " ON CONFLICT ON CONSTRAINT feedback_once_a_call DO NOTHING",
        feedback.id,
        feedback.account_id,
        feedback.campaign_id,
        feedback.receiver_number,
        feedback.call_id,
        feedback.business_number,
        feedback.call_type.value,
        feedback.responded_at,
        msgspec.json.encode(feedback.responses).decode(),
    )
    return tag == "INSERT 0 1"


async def find_of_call(tx: Tx, receiver: PhoneNumber, call_id: CallId) -> Feedback | None:
    """What a receiver answered after a call, or None. Index feedback_once_a_call."""
    row = await tx.fetchrow(
        f"SELECT {_FEEDBACK} FROM feedback WHERE receiver_number = $1 AND call_id = $2",
        receiver,
        call_id,
    )
    return _feedback(row) if row else None


async def count_of_pair(
    tx: Tx,
    receiver: PhoneNumber,
    account_id: AccountId,
    business: PhoneNumber,
    period: tuple[datetime, datetime],
    most: int,
) -> int:
    """How often the receiver answered the account about that number in a period, `most` at the highest.

    Index feedback_once_a_call.
    """
    return await tx.fetchval(
        "SELECT count(*) FROM (SELECT FROM feedback"
        " WHERE receiver_number = $1 AND account_id = $2 AND business_number = $3 AND responded_at > $4"
        " AND responded_at <= $5 LIMIT $6) AS answers",
        receiver,
        account_id,
        business,
        *period,
        most,
    )


async def select_feedback(tx: Tx, campaign_id: CampaignId, feedback_id: FeedbackId) -> Feedback | None:
    """One answer to a campaign, or None."""
    row = await tx.fetchrow(
        f"SELECT {_FEEDBACK} FROM feedback WHERE id = $2 AND campaign_id = $1",
        campaign_id,
        feedback_id,
    )
    return _feedback(row) if row else None


async def select_newest(
    tx: Tx, campaign_id: CampaignId, before: tuple[datetime, UUID] | None, limit: int
) -> list[Feedback]:
    """Up to `limit` answers, newest first, older than the one at `before`. Index feedback_campaign_newest."""
    rows = await tx.fetch(
        f"SELECT {_FEEDBACK} FROM feedback WHERE campaign_id = $1"
        " AND ($2::timestamptz IS NULL OR (responded_at, id) < ($2, $3)) ORDER BY responded_at DESC, id DESC LIMIT $4",
        campaign_id,
        *(before or (None, None)),
        limit,
    )
    return [_feedback(row) for row in rows]


async def count_since(
    tx: Tx, account_id: AccountId, since: datetime, among: Collection[FeatureSetId] | None, most: int
) -> int:
    """How many answers the account's campaigns got since, at most `most`; of the feature sets `among`, or of all.

    Index feedback_campaign_newest, for each campaign.
    """
    return await tx.fetchval(
        "SELECT count(*) FROM (SELECT FROM campaign c JOIN feedback f ON f.campaign_id = c.id"
        " WHERE c.account_id = $1 AND c.state <> 'draft' AND f.responded_at >= $2"
        " AND ($3::uuid[] IS NULL OR c.feature_set_id = ANY ($3)) LIMIT $4) AS answers",
        account_id,
        since,
        among,
        most,
    )


async def count_by_call_type(tx: Tx, campaign_id: CampaignId) -> dict[CallType, int]:
    """How many calls of each type were answered about. Index feedback_campaign_newest."""
    rows = await tx.fetch(
        "SELECT call_type, count(*) AS n FROM feedback WHERE campaign_id = $1 GROUP BY call_type", campaign_id
    )
    return dict.fromkeys(CallType, 0) | {CallType(row["call_type"]): row["n"] for row in rows}


async def count_responses(tx: Tx, campaign_id: CampaignId, texts: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """By question: how often each answer was given; all answers to the questions `texts` count together, under "".

    Reads every answer to the campaign. Where there are no `texts`, equal ones are counted before they are read as JSON,
    which takes an eighth of the time; what people write themselves is rarely equal.
    """
    rows = await tx.fetch(
        f"""
        SELECT r.question_id, CASE WHEN r.question_id = ANY ($2::uuid[]) THEN '' ELSE r.answer END AS answer,
          sum(f.n)::bigint AS n
        FROM ({_EACH if texts else _EQUAL}) AS f
        CROSS JOIN json_to_recordset(f.responses) AS r (question_id uuid, answer text) GROUP BY 1, 2
        """,
        campaign_id,
        texts,
    )
    counted: dict[UUID, dict[str, int]] = {}
    for row in rows:
        counted.setdefault(row["question_id"], {})[row["answer"]] = row["n"]
    return counted


def _values(campaign: Campaign) -> tuple[object, ...]:
    """The columns of `_CAMPAIGN`, in their order."""
    return (
        campaign.id,
        campaign.account_id,
        campaign.feature_set_id,
        campaign.name,
        campaign.campaign_type.value,
        CallType.ANSWERED in campaign.call_types,
        CallType.MISSED in campaign.call_types,
        msgspec.json.encode(campaign.questions).decode(),
        campaign.state.value,
        campaign.created_by_email,
        campaign.created_at,
        campaign.updated_at,
        campaign.live_at,
        campaign.ended_at,
    )


def _campaign(row: Row) -> Campaign:
    return Campaign(
        id=CampaignId(row["id"]),
        account_id=AccountId(row["account_id"]),
        feature_set_id=FeatureSetId(row["feature_set_id"]),
        name=row["name"],
        campaign_type=CampaignType(row["campaign_type"]),
        call_types=frozenset(kind for kind in CallType if row[f"asks_{kind.value}"]),
        questions=_questions.decode(row["questions"]),
        state=CampaignState(row["state"]),
        created_by_email=row["created_by_email"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        live_at=row["live_at"],
        ended_at=row["ended_at"],
    )


def _offer(row: Row) -> CampaignOffer:
    questions = _questions.decode(row["questions"])
    return CampaignOffer(CampaignId(row["id"]), row["name"], CampaignType(row["campaign_type"]), questions)


def _feedback(row: Row) -> Feedback:
    return Feedback(
        id=FeedbackId(row["id"]),
        account_id=AccountId(row["account_id"]),
        campaign_id=CampaignId(row["campaign_id"]),
        receiver_number=PhoneNumber(row["receiver_number"]),
        call_id=CallId(row["call_id"]),
        business_number=PhoneNumber(row["business_number"]),
        call_type=CallType(row["call_type"]),
        responded_at=row["responded_at"],
        responses=_responses.decode(row["responses"]),
    )
