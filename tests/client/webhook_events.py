"""Events as Callmark posts them, signed."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from callmark.domain.ids import EventId
from callmark.kit.clock import SystemClock
from callmark.kit.outbound.signed_posts import shown_secret, signed_headers

ID = "6f1d2c3b-4a59-4687-9a10-b2c3d4e5f607"
KEY = b"k" * 24
SECRET = shown_secret(KEY)
CALLBACK: dict[str, Any] = {
    "business_number": "918040001234",
    "feature_set": "Delivery default",
    "client_number": "919900112233",
    "requested_at": "1767261605",
    "requested_date": "2026-01-03",
    "requested_slot": "Saturday",
    "preferred_from_time": "1767418200",
    "preferred_to_time": "1767420000",
    "is_interested": True,
    "alternate_number": "",
    "cmb_config_name": "Weekday callbacks",
}


def event(kind: str, payload: dict[str, Any], **more: object) -> bytes:
    envelope = {"event_id": ID, "client_account_id": "acc", "event_type": kind, "created_at": "1767261605"}
    return json.dumps(envelope | {f"{kind}_payload": payload} | more).encode()


def signed(body: bytes, *keys: bytes, at: datetime | None = None) -> dict[str, str]:
    """The headers that the server sends."""
    return signed_headers(EventId(UUID(ID)), body, keys or (KEY,), at or SystemClock().now())
