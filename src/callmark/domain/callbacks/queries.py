"""The SQL of callbacks."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import structlog

from callmark.domain.callbacks.hours import hours_text
from callmark.domain.callbacks.hours_reader import read_hours
from callmark.domain.callbacks.model import (
    AskedAgain,
    CallbackConfig,
    CallbackRequest,
    CallbackTerms,
    RequestFilter,
    RequestState,
)
from callmark.domain.ids import AccountId, CallbackConfigId, CallbackRequestId, FeatureSetId
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Row, Tx
from callmark.kit.zones import utc_zone
from callmark.zone_data import find_zone, unknown_zone, zone_data

log = structlog.get_logger(__name__)

_CONFIG = (
    "id, account_id, feature_set_id, name, slot_picker, time_zone, hours, created_by_email, created_at, updated_at"
)
_REQUEST = (
    "id, account_id, feature_set_id, feature_set_name, is_number_group, business_number, receiver_number, request_id,"
    " requested_at, is_interested, is_sim_unknown, alternate_number, slot_starts_at, config_name, state,"
    " handled_by_email, handled_at"
)
_FOUND_FIRST = "(SELECT * FROM callback_request WHERE id = ANY ($12::uuid[]) OFFSET 0) found"
"""`OFFSET 0` keeps the planner from reading the account's requests in their order until enough are among these."""
_MOST_OF_NUMBER = 5_000
"""Where more requests have a number that begins so, enough for a page are among the newest."""


async def put_config(tx: Tx, config: CallbackConfig) -> None:
    """Writes the feature set's configuration, in place of the one it has; that one's id, maker and making stay."""
    await tx.execute(
        f"""
        INSERT INTO callback_config ({_CONFIG}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT ON CONSTRAINT callback_config_one_each DO UPDATE SET
          name = excluded.name, slot_picker = excluded.slot_picker, time_zone = excluded.time_zone,
          hours = excluded.hours, updated_at = excluded.updated_at
        """,
        config.id,
        config.account_id,
        config.feature_set_id,
        config.name,
        config.slot_picker,
        config.time_zone.key,
        hours_text(config.hours),
        config.created_by_email,
        config.created_at,
        config.updated_at,
    )


async def select_config(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId) -> CallbackConfig | None:
    """The feature set's configuration, or None."""
    row = await tx.fetchrow(
        f"SELECT {_CONFIG} FROM callback_config WHERE feature_set_id = $2 AND account_id = $1",
        account_id,
        feature_set_id,
    )
    return _config(row) if row else None


async def select_configs(
    tx: Tx, account_id: AccountId, before: tuple[datetime, UUID] | None, limit: int | None
) -> list[CallbackConfig]:
    """Up to `limit` (None: all) of the account's configurations, newest first, older than the one at `before`.

    Index callback_config_account.
    """
    rows = await tx.fetch(
        f"SELECT {_CONFIG} FROM callback_config WHERE account_id = $1"
        " AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::uuid))"
        " ORDER BY created_at DESC, id DESC LIMIT $4",
        account_id,
        *(before or (None, None)),
        limit,
    )
    return [_config(row) for row in rows]


async def select_configs_each(
    tx: Tx, account_id: AccountId, feature_sets: Collection[FeatureSetId]
) -> list[CallbackConfig]:
    """The configurations of those feature sets that have one, in no order. Index callback_config_one_each."""
    rows = await tx.fetch(
        f"SELECT {_CONFIG} FROM callback_config WHERE account_id = $1 AND feature_set_id = ANY ($2::uuid[])",
        account_id,
        feature_sets,
    )
    return [_config(row) for row in rows]


async def delete_config(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId) -> CallbackConfig | None:
    """Removes the feature set's configuration; what it was, None when it had none."""
    row = await tx.fetchrow(
        f"DELETE FROM callback_config WHERE feature_set_id = $2 AND account_id = $1 RETURNING {_CONFIG}",
        account_id,
        feature_set_id,
    )
    return _config(row) if row else None


async def select_terms(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId) -> CallbackTerms | None:
    """What the feature set's configuration says to an offer, or None without one. Index callback_config_one_each."""
    row = await tx.fetchrow(
        "SELECT name, slot_picker, time_zone, hours FROM callback_config WHERE feature_set_id = $2 AND account_id = $1",
        account_id,
        feature_set_id,
    )
    return _terms(row) if row else None


async def insert_request(tx: Tx, request: CallbackRequest) -> bool:
    """Writes a new request; False when the receiver made one of this request id before, which stands.

    Waits for a transaction that is writing the same one.
    """
    tag = await tx.execute(
        f"INSERT INTO callback_request ({_REQUEST})"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
        " ON CONFLICT ON CONSTRAINT callback_request_once DO NOTHING",
        request.id,
        request.account_id,
        request.feature_set_id,
        request.feature_set_name,
        request.is_number_group,
        request.business_number,
        request.receiver_number,
        request.request_id,
        request.requested_at,
        request.is_interested,
        request.is_sim_unknown,
        request.alternate_number,
        request.slot_starts_at,
        request.config_name,
        request.state.value,
        request.handled_by_email,
        request.handled_at,
    )
    return tag == "INSERT 0 1"


async def find_repeated(tx: Tx, receiver: PhoneNumber, request_id: UUID) -> CallbackRequest | None:
    """The request a receiver made under this request id, or None. Index callback_request_once."""
    row = await tx.fetchrow(
        f"SELECT {_REQUEST} FROM callback_request WHERE receiver_number = $1 AND request_id = $2",
        receiver,
        request_id,
    )
    return _request(row) if row else None


async def count_of_pair(
    tx: Tx,
    receiver: PhoneNumber,
    account_id: AccountId,
    business: PhoneNumber,
    period: tuple[datetime, datetime],
    most: int,
) -> int:
    """How often the receiver asked that number of the account in a period, `most` at the highest.

    Index callback_request_once.
    """
    return await tx.fetchval(
        "SELECT count(*) FROM (SELECT FROM callback_request"
        " WHERE receiver_number = $1 AND account_id = $2 AND business_number = $3 AND requested_at > $4"
        " AND requested_at <= $5 LIMIT $6) AS asked",
        receiver,
        account_id,
        business,
        *period,
        most,
    )


async def select_request(tx: Tx, account_id: AccountId, request_id: CallbackRequestId) -> CallbackRequest | None:
    """The account's request, or None."""
    row = await tx.fetchrow(
        f"SELECT {_REQUEST} FROM callback_request WHERE id = $2 AND account_id = $1",
        account_id,
        request_id,
    )
    return _request(row) if row else None


async def lock_request(tx: Tx, account_id: AccountId, request_id: CallbackRequestId) -> CallbackRequest | None:
    """As `select_request`, the row locked until the transaction ends."""
    row = await tx.fetchrow(
        f"SELECT {_REQUEST} FROM callback_request WHERE id = $2 AND account_id = $1 FOR NO KEY UPDATE",
        account_id,
        request_id,
    )
    return _request(row) if row else None


async def select_requests(
    tx: Tx,
    account_id: AccountId,
    wanted: RequestFilter,
    *,
    among: Collection[FeatureSetId] | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
    overdue: tuple[datetime, bool] | None = None,
) -> list[CallbackRequest]:
    """Up to `limit` of the account's wanted requests, newest first, older than the one at `before`.

    Only to the feature sets `among` (None: to all). `overdue`: only those that are not done and whose slot began by
    that instant, or only the others. Index callback_request_account_newest, or callback_request_to_do when nothing done
    is wanted; callback_request_once for a receiver. A `number` that many begin with reads on in the account's until
    enough fit; of any other the requests are found first.
    """
    ids = await _ids_of_number(tx, account_id, wanted.number) if wanted.number else None
    source = "callback_request" if ids is None else _FOUND_FIRST
    not_done = "" if RequestState.DONE in wanted.states else " AND state <> 'done'"
    begins = " AND receiver_number >= $7 AND receiver_number < $7 || ':'" if wanted.receiver else " AND $7 = ''"
    rows = await tx.fetch(
        f"SELECT {_REQUEST} FROM {source} WHERE account_id = $1 AND state = ANY ($2::text[]){not_done}{begins}"
        " AND ($11 = '' OR starts_with(receiver_number, $11) OR starts_with(alternate_number, $11))"
        " AND ($6::uuid[] IS NULL OR feature_set_id = ANY ($6)) AND ($10::uuid IS NULL OR feature_set_id = $10)"
        " AND ($8::timestamptz IS NULL OR (state <> 'done' AND coalesce(slot_starts_at <= $8, false)) = $9)"
        " AND ($3::timestamptz IS NULL OR (requested_at, id) < ($3, $4)) ORDER BY requested_at DESC, id DESC LIMIT $5",
        account_id,
        [state.value for state in wanted.states],
        *(before or (None, None)),
        limit,
        among,
        wanted.receiver,
        *(overdue or (None, None)),
        wanted.feature_set_id,
        wanted.number,
        *([] if ids is None else [ids]),
    )
    return [_request(row) for row in rows]


async def _ids_of_number(tx: Tx, account_id: AccountId, number: str) -> list[UUID] | None:
    """The requests whose receiver's number, or the one to call instead, begins so; None where there may be many.

    Those of other accounts are among them. Indexes callback_request_once, callback_request_alternate.
    """
    rows = await tx.fetch(
        """
        (SELECT id FROM callback_request WHERE receiver_number >= $2 AND receiver_number < $2 || ':' LIMIT $3)
        UNION ALL
        (SELECT id FROM callback_request WHERE account_id = $1 AND alternate_number COLLATE "C" >= $2
          AND alternate_number COLLATE "C" < $2 || ':' LIMIT $3)
        """,
        account_id,
        number,
        _MOST_OF_NUMBER,
    )
    return [row["id"] for row in rows] if len(rows) < _MOST_OF_NUMBER else None


async def select_asked_again(
    tx: Tx, account_id: AccountId, receivers: Collection[PhoneNumber], among: Collection[FeatureSetId] | None
) -> dict[PhoneNumber, AskedAgain]:
    """What these receivers said of the feature sets `among`, or of all. Index callback_request_once."""
    rows = await tx.fetch(
        "SELECT receiver_number, sum(open_count)::int AS open_count,"
        " coalesce(array_agg(feature_set_id) FILTER (WHERE is_refused), '{}') AS refused"
        " FROM (SELECT receiver_number, feature_set_id, count(*) FILTER (WHERE state <> 'done') AS open_count,"
        " max(requested_at) FILTER (WHERE NOT is_interested)"
        " > coalesce(max(requested_at) FILTER (WHERE is_interested), '-infinity') AS is_refused FROM callback_request"
        " WHERE receiver_number = ANY ($2::text[]) AND account_id = $1"
        " AND ($3::uuid[] IS NULL OR feature_set_id = ANY ($3)) GROUP BY receiver_number, feature_set_id) AS said"
        " GROUP BY receiver_number",
        account_id,
        list(receivers),
        among,
    )
    return {
        PhoneNumber(row["receiver_number"]): AskedAgain(row["open_count"], frozenset(row["refused"])) for row in rows
    }


async def count_new(tx: Tx, account_id: AccountId, among: Collection[FeatureSetId] | None, most: int) -> int:
    """How many of the account's requests nobody has taken, `most` at the highest; to the feature sets `among`, or all.

    Index callback_request_to_do.
    """
    return await tx.fetchval(
        "SELECT count(*) FROM (SELECT FROM callback_request WHERE account_id = $1 AND state <> 'done' AND state = 'new'"
        " AND ($2::uuid[] IS NULL OR feature_set_id = ANY ($2)) LIMIT $3) AS waiting",
        account_id,
        among,
        most,
    )


async def update_request(tx: Tx, request: CallbackRequest) -> None:
    """Sets the state of a locked request, and who handles it."""
    await tx.execute(
        "UPDATE callback_request SET state = $2, handled_by_email = $3, handled_at = $4 WHERE id = $1",
        request.id,
        request.state.value,
        request.handled_by_email,
        request.handled_at,
    )


def _terms(row: Row) -> CallbackTerms:
    """Without the slots where the zone is not known here: they would be of wrong hours."""
    zone = find_zone(row["time_zone"])
    if zone is None:
        log.warning("callback_zone_unknown", time_zone=row["time_zone"], zone_data=zone_data().used)
    return CallbackTerms(
        row["name"], row["slot_picker"] and zone is not None, zone or utc_zone(), read_hours(row["hours"])
    )


def _config(row: Row) -> CallbackConfig:
    return CallbackConfig(
        id=CallbackConfigId(row["id"]),
        account_id=AccountId(row["account_id"]),
        feature_set_id=FeatureSetId(row["feature_set_id"]),
        name=row["name"],
        slot_picker=row["slot_picker"],
        time_zone=find_zone(row["time_zone"]) or unknown_zone(row["time_zone"]),
        hours=read_hours(row["hours"]),
        created_by_email=row["created_by_email"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _request(row: Row) -> CallbackRequest:
    return CallbackRequest(
        id=CallbackRequestId(row["id"]),
        account_id=AccountId(row["account_id"]),
        feature_set_id=FeatureSetId(row["feature_set_id"]),
        feature_set_name=row["feature_set_name"],
        is_number_group=row["is_number_group"],
        business_number=PhoneNumber(row["business_number"]),
        receiver_number=PhoneNumber(row["receiver_number"]),
        request_id=row["request_id"],
        requested_at=row["requested_at"],
        is_interested=row["is_interested"],
        is_sim_unknown=row["is_sim_unknown"],
        alternate_number=PhoneNumber(row["alternate_number"]) if row["alternate_number"] else None,
        slot_starts_at=row["slot_starts_at"],
        config_name=row["config_name"],
        state=RequestState(row["state"]),
        handled_by_email=row["handled_by_email"],
        handled_at=row["handled_at"],
    )
