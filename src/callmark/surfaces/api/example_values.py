"""Values of the examples in the reference, all invented."""

from callmark.surfaces.api.doc_parts import Json

EMAIL = "ops@acme.example"
AT = "2026-01-01T10:00:05.412Z"
STATIC_LABEL_ID = "6d2c0a1f-8e2b-4b66-8b1f-1a7e9d3c5f21"
CALL_REASON_ID = "0aa1bb2c-c3dd-4ee4-85ff-00112233aabb"
FEATURE_SET_ID = "77aa11bb-2233-4455-8899-aabbccddeeff"
DEPARTMENT_ID = "d1e2f3a4-b5c6-4d7e-8f90-a1b2c3d4e5f6"
OPERATION_ID = "e2f3a4b5-c6d7-4e8f-90a1-b2c3d4e5f607"
PROCESS_ID = "9b0c1d2e-3f40-4152-8637-48596a7b8c9d"
CATALOGUE_ID = "ca110000-0000-4000-8000-000000000008"
ACCOUNT_ID = "3f0c1c52-6a5e-4d0e-9a53-1a0e6a1b7c11"
LABEL_ID = "5c1b9f0e-7d1a-4a55-9a0e-0f6d8c2b4e10"
BATCH_ID = "8e2f7a31-52c4-4b6d-9f10-7a6b5c4d3e2f"
STARTS_AT, ENDS_AT = 1_767_261_600_000, 1_767_283_200_000
ASKED_BACK: Json = {
    "business_number": "918040001234",
    "feature_set": "Delivery default",
    "client_number": "919900112233",
    "requested_at": "1767261605",
    "requested_date": "NA",
    "requested_slot": "NA",
    "preferred_from_time": None,
    "preferred_to_time": None,
    "is_interested": True,
    "alternate_number": "",
    "cmb_config_name": "Weekday callbacks",
}
"""The payload of a Call Me Back event without a slot."""


def event_sample(kind: str, payload: Json) -> Json:
    """An event with this payload, as webhooks carry it."""
    return {
        "event_id": "6f1d2c3b-4a59-4687-9a10-b2c3d4e5f607",
        "client_account_id": ACCOUNT_ID,
        "event_type": kind,
        "created_at": "1767261605",
        f"{kind}_payload": payload,
    }
