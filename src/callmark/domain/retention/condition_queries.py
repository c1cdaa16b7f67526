"""Which rows of a table count, where more than their age decides: SQL conditions."""

from typing import LiteralString

LEFT_BY_BATCHES: LiteralString = (
    "due_at IS NULL AND NOT EXISTS (SELECT FROM upload_part p JOIN batch b ON b.id = p.batch_id"
    " WHERE p.upload_id = upload.id)"
)
"""Of an upload: others have rows to submit, or are as old as their batches."""

STILL_REGISTERED: LiteralString = (
    "revoked_at IS NOT NULL AND EXISTS (SELECT FROM registration r"
    " WHERE r.app_id = handset_app.id AND r.token_sha256 IS NOT NULL)"
)
"""Of a handset app: it was revoked, and handsets of it are not forgotten yet."""
