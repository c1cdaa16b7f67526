"""What a test sends: an event of the chosen type with sample values. Source: contract, sections 9.4, 9.6 and 9.7."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from callmark.domain.events.model import EventType, epoch_text

_COMMON: dict[str, object] = {
    "business_number": "918040001234",
    "feature_set": "Sample feature set",
    "client_number": "919900112233",
}


def payload(kind: EventType, now: datetime) -> Mapping[str, object]:
    """A payload of the shape that real events of this type have, keys in the documented order."""
    match kind:
        case EventType.CALL_ME_BACK:
            slot = (now + timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)
            return _COMMON | {
                "requested_at": epoch_text(now),
                "requested_date": f"{slot:%Y-%m-%d}",
                "requested_slot": f"{slot:%A}",
                "preferred_from_time": epoch_text(slot),
                "preferred_to_time": epoch_text(slot + timedelta(minutes=30)),
                "is_interested": True,
                "alternate_number": "",
                "cmb_config_name": "Sample callbacks",
            }
        case EventType.POSSIBLE_SPOOF:
            return {
                "business_number": _COMMON["business_number"],
                "client_number": _COMMON["client_number"],
                "cause": "foreign_signing_request",
                "detected_at": epoch_text(now),
            }
        case EventType.USER_FEEDBACK:
            return _COMMON | {
                "campaign_id": "00000000-0000-4000-8000-000000000001",
                "campaign_name": "Sample campaign",
                "campaign_type": "questions",
                "call_type": "answered",
                "responded_at": epoch_text(now),
                "responses": [
                    {
                        "question_id": "00000000-0000-4000-8000-000000000002",
                        "question": "Did the courier arrive on time?",
                        "answer": "Yes",
                    }
                ],
            }
