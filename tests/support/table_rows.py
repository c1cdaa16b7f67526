"""Rows of any table, made from the schema: for tests that are about every table that there is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx, own_names

ONE_ROW = frozenset({"installation", "emulator_state", "audit_head"})
"""Tables whose only row is there from the beginning."""
_NOW = object()
_ID = object()

_VALID: dict[str, dict[str, object]] = {
    "alert_recipient": {"kind": "email", "email": "x@y.example"},
    "announced_call": {"state": "ringing"},
    "call": {"source": "none"},
    "call_record": {"outcome": "success"},
    "callback_request": {"is_interested": True, "state": "new"},
    "campaign": {"state": "draft", "campaign_type": "questions", "asks_answered": True},
    "client_account": {"state": "active"},
    "console_session": {"member_id": _ID},
    "delivery": {"state": "success", "ended_at": _NOW, "event_number": 1},
    "event": {"event_type": "cmb"},
    "feature_set": {"is_number_group": True, "state": "draft", "phone_type": "verified"},
    "feedback": {"call_type": "answered"},
    "file_draft": {"purpose": "records"},
    "idempotency_key": {"status": 200, "body": b"{}"},
    "label": {"label_type": "dynamic"},
    "listing_job": {"kind": "publish", "state": "ended"},
    "mail": {"state": "sent", "ended_at": _NOW},
    "mailed_link": {"kind": "invitation", "member_id": _ID},
    "member": {"role": "admin", "state": "active"},
    "number": {"phone_type": "verified", "state": "listed"},
    "number_code": {"channel": "sms"},
    "number_proof": {"state": "proven", "way": "operator"},
    "possible_spoof": {"cause": "not_announced"},
    "proof_request": {"state": "waiting"},
    "signed_call": {"attest": "A", "source": "none"},
    "signer_certificate": {"retired_at": _NOW},
    "verified_call": {"verstat": "TN-Validation-Passed"},
    "webhook": {"event_types": ["cmb"]},
}
"""What a row needs beside its types, by table."""

_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type,
  a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS is_needed
FROM pg_attribute a
WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
"""
_TABLES = """
SELECT c.relname AS name FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname
"""


async def tables_of(tx: Tx) -> list[str]:
    """Every table, without partitions."""
    return [row["name"] for row in await tx.fetch(_TABLES)]


async def columns_of(tx: Tx, table: str) -> dict[str, str]:
    """A table's columns and their types."""
    return {row["name"]: row["type"] for row in await tx.fetch(_COLUMNS, table)}


async def put_row(tx: Tx, table: str, now: datetime, given: Mapping[str, object]) -> None:
    """Inserts a row with what is given, and else anything; needs a transaction, in which no reference is checked."""
    await tx.execute("SET LOCAL session_replication_role = replica")
    values: dict[str, Any] = {}
    for row in await tx.fetch(_COLUMNS, table):
        name, valid = row["name"], _VALID.get(table, {})
        if name in given:
            values[name] = given[name]
        elif name in valid:
            values[name] = now if valid[name] is _NOW else new_id() if valid[name] is _ID else valid[name]
        elif row["is_needed"]:
            values[name] = _anything(row["type"], now)
    names = ", ".join(f'"{name}"' for name in values)
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await tx.execute(own_names(f"INSERT INTO {table} ({names}) VALUES ({places})"), *values.values())


def _anything(kind: str, now: datetime) -> object:
    made: dict[str, object] = {
        "uuid": new_id(),
        "text": str(new_id()),
        "json": "{}",
        "jsonb": "{}",
        "bytea": new_id().bytes,
        "boolean": False,
        "timestamp with time zone": now,
        "date": now.date(),
        "integer": 1,
        "bigint": 1,
        "smallint": 1,
        "double precision": 1.0,
        "interval": now - now,
    }
    return [] if kind.endswith("[]") else made[kind]
