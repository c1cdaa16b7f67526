"""What the emulator's document shows as examples; all of it invented."""

from callmark.surfaces.api.doc_parts import Json
from callmark.surfaces.api.example_values import ACCOUNT_ID, LABEL_ID
from callmark.surfaces.reference.asyncapi import OFFERS

CLOCK = {"now": "2026-01-01T10:00:00.000Z"}
HANDSET = {
    "phone_number": "919900112233",
    "os": "android",
    "app_version": "4.2.0",
    "online": True,
    "script": {"ack_delay_s": 2},
    "time_zone": "Asia/Kolkata",
    "registered": True,
    "connected": True,
    "asleep": False,
    "held": 0,
    "most_held": 1000,
    "refused_pushes": 0,
}
SCREEN = {
    "name": "Acme Deliveries",
    "call_reason": "Your parcel arrives today",
    "logo_url": "https://callmark.example/logos/5f0c4a.png",
    "verified": True,
    "source": "call_record",
    "why": "call record 019b7a2e-5a10-7cc3-9d0e-0d2f6a1b4c55 of this caller is the newest that is open",
    "offers": OFFERS,
}
BACK = {
    "business_number": "918040001234",
    "slot": "2026-01-03T10:00:00+05:30",
    "interested": True,
    "sim_unknown": False,
    "alternate_number": None,
}
CAMPAIGN, QUESTION = "a0b1c2d3-e4f5-4678-89ab-cdef01234567", "5d3c0b7a-14c2-4f5e-8f0a-3b7f6a1c9d20"
ANSWERED = {"business_number": "918040001234", "campaign_id": CAMPAIGN, "call_type": "answered"}
CALL_ID = "0d6a7e3c-94a9-4a5e-8f57-8a1f1b6f7c10"
FAULTS = {"status": 503, "slug": "service-unavailable", "count": 2, "latency_ms": 0, "drop_every": 0}
SINK: Json = {
    "name": "orders",
    "url": "https://callmark.example/emulator/v1/sinks/orders",
    "local_url": "http://127.0.0.1:8700/emulator/v1/sinks/orders",
    "status": 503,
    "delay_s": 0,
    "headers": {},
    "body": '{"status":"ok"}',
    "drip": 0,
    "reset": False,
    "requests": 1,
}
RECEIVED = {
    "at": "2026-01-01T10:00:00.000Z",
    "method": "POST",
    "query": "",
    "headers": {"content-type": "application/json"},
    "body": '{"event_type":"Call Me Back"}',
}
MAIL = {
    "id": "42",
    "to": "ops@acme.example",
    "subject": "A webhook event could not be delivered",
    "text": "The event could not be delivered.",
    "html": "<p>The event could not be delivered.</p>",
    "created_at": "2026-01-01T10:00:00.000Z",
}
ACCOUNT_WANTED: Json = {
    "name": "Acme Returns",
    "features": ["call_personalisation", "call_me_back"],
    "keys": [{"name": "Dialer", "features": ["call_personalisation"]}],
    "members": [{"email": "erin@returns.example", "name": "Erin", "role": "admin"}],
    "labels": [{"name": "Acme Returns", "type": "dynamic"}],
}
_KEY: Json = {
    "key_id": "019b7a2e-5a10-7cc3-9d0e-0d2f6a1b4c66",
    "name": "Dialer",
    "features": ["call_personalisation"],
}
_MEMBER: Json = {"email": "erin@returns.example", "name": "Erin", "role": "admin"}
LISTED_ACCOUNT: Json = {
    "client_account_id": ACCOUNT_ID,
    "name": "Acme Returns",
    "features": ["call_me_back", "call_personalisation"],
    "keys": [_KEY],
    "members": [_MEMBER],
    "labels": [{"id": LABEL_ID, "name": "Acme Returns", "type": "dynamic"}],
}
ACCOUNT: Json = LISTED_ACCOUNT | {
    "keys": [_KEY | {"api_key": "a-secret-of-this-installation"}],
    "members": [_MEMBER | {"password": "a-password-made-up"}],
}
SNAPSHOT: Json = {
    "name": "before-checkout",
    "made_at": "2026-01-01T09:00:00.000Z",
    "now": "2026-01-01T10:00:00.000Z",
}
WEBHOOK_WANTED: Json = {
    "client_account_id": ACCOUNT_ID,
    "url": "http://127.0.0.1:8700/emulator/v1/sinks/orders",
    "event_types": ["cmb"],
}
WEBHOOK: Json = {
    "id": "019b7a2e-5a10-7cc3-9d0e-0d2f6a1b4c77",
    "name": "Test 1",
    "url": "http://127.0.0.1:8700/emulator/v1/sinks/orders",
    "event_types": ["cmb"],
    "secret": "whsec_a-secret-of-this-installation",
}
WORK: Json = {
    "idle": False,
    "work": {"batches": 0, "uploads": 0, "switches": 0, "listing_jobs": 0, "mails": 0, "deliveries": 1, "periodic": 0},
}
