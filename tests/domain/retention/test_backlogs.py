"""However much is to be deleted, no statement deletes more than a piece: one that takes too long would be undone."""

from datetime import UTC, datetime
from typing import NamedTuple

from msgspec.structs import replace
from tests.support.statement_rows import count_rows_of_statements, rows_of_statements
from tests.support.table_rows import put_row

from callmark.domain.background.registry import PERIODIC
from callmark.domain.deps import Deps
from callmark.domain.retention.model import KINDS
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import own_names
from callmark.kit.postgres.piecewise import PIECE

FILES = 100
"""The piece where a row holds a file."""
OLD = datetime(2000, 1, 1, tzinfo=UTC)
UUID, HASH = "lpad(to_hex(n), 32, '0')", "sha256(n::text::bytea)"
ID, SHA256 = {"id": UUID}, {"sha256": HASH}


class Backlog(NamedTuple):
    """A job, a table of which it deletes rows, what makes a row old, and the key of the row of number `n`."""

    job: str
    table: str
    given: dict[str, object]
    key: dict[str, str]
    most: int = PIECE


BACKLOGS = [
    Backlog("dead_tokens", "access_token", {"expires_at": OLD}, SHA256),
    Backlog("dead_tokens", "request_window", {}, {"token_sha256": HASH}),
    Backlog("dead_sessions", "console_session", {"created_at": OLD}, ID | {"token_sha256": HASH}),
    Backlog("dead_sessions", "mailed_link", {"expires_at": OLD}, SHA256),
    Backlog("dead_sessions", "sign_in_code", {"expires_at": OLD}, SHA256),
    Backlog("dead_sessions", "known_device", {"expires_at": OLD}, SHA256),
    Backlog("dead_sessions", "handed_over", {"expires_at": OLD}, SHA256),
    Backlog("dead_sessions", "known_browser", {"expires_at": OLD, "member_id": new_id()}, SHA256),
    Backlog("dead_sessions", "throttle", {}, {"who": "n"}),
    Backlog("old_calls", "call", {"reported_at": OLD}, ID),
    Backlog("old_call_me_back_requests", "callback_request", {"requested_at": OLD}, ID | {"request_id": UUID}),
    Backlog("old_answers", "feedback", {"responded_at": OLD}, ID | {"call_id": UUID}),
    Backlog("old_signed_calls", "signed_call", {"signed_at": OLD}, ID | {"origid": UUID}),
    Backlog("old_signed_calls", "verified_call", {"verified_at": OLD}, ID),
    Backlog("old_signed_calls", "possible_spoof", {"raised_at": OLD}, ID),
    Backlog("old_events", "waiting_delivery", {"created_at": OLD}, {"delivery_id": UUID}),
    Backlog("old_emails", "mail", {"created_at": OLD}, ID),
    Backlog("old_announced_calls", "announced_call", {"shown_until": OLD}, {"call_id": "n::text"}),
    Backlog("old_alerts", "alert_once", {"at": OLD}, {"what": "n"}),
    Backlog("old_number_codes", "number_code", {"requested_at": OLD}, ID),
    Backlog("old_listing_jobs", "listing_job", {"ended_at": OLD}, ID),
    Backlog("old_proof_requests", "proof_request", {"state": "refused", "reviewed_at": OLD, "why": "x"}, ID, FILES),
    Backlog("old_previewed_files", "file_draft", {"created_at": OLD}, ID, FILES),
    Backlog("old_uploads", "upload", {"created_at": OLD}, ID, FILES),
    Backlog("old_handsets", "registration", {"forgotten_at": OLD}, {"phone_number": "n"}),
    Backlog("record_days", "record_day", {"day": OLD.date()}, {"day": "DATE '2000-01-01' - n"}),
]


async def pile_up(deps: Deps, backlog: Backlog) -> None:
    """Three rows more than a piece, and an account of how many each statement deletes."""
    key = ", ".join(f"'{column}', {made}" for column, made in backlog.key.items())
    async with deps.db.transaction() as tx:
        await put_row(tx, backlog.table, deps.clock.now(), backlog.given)
        await tx.execute(
            own_names(
                f"INSERT INTO {backlog.table} SELECT made.* FROM {backlog.table} r,"
                f" generate_series(1, {backlog.most + 2}) n,"
                f" LATERAL jsonb_populate_record(r, jsonb_build_object({key})) made"
            )
        )
        await count_rows_of_statements(tx, backlog.table, "DELETE")


def test_every_table_whose_rows_only_need_to_be_old_is_tried_here() -> None:
    assert {table.name for kind in KINDS for table in kind.plain_tables} <= {backlog.table for backlog in BACKLOGS}


async def test_a_backlog_is_deleted_piece_by_piece(deps: Deps) -> None:
    settings = replace(deps.settings, answer_retention_days=30)  # or answers stay
    deps = replace(deps, settings=settings)
    pieces: dict[str, list[int]] = {}
    for backlog in BACKLOGS:
        await pile_up(deps, backlog)
        await PERIODIC[backlog.job].run(deps)
        async with deps.db.connection() as tx:
            pieces[backlog.table] = await rows_of_statements(tx, backlog.table)
            await tx.execute(own_names(f"DELETE FROM {backlog.table}"))
    assert pieces == {one.table: [3, one.most] for one in BACKLOGS}
