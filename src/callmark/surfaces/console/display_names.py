"""How pages call what the platform knows by another name."""

import re
from collections.abc import Sequence

import msgspec

from callmark.domain.accounts.model import AccountState
from callmark.domain.alerts.model import AlertKind, RecipientKind
from callmark.domain.callbacks.hours import Week, hours_text
from callmark.domain.callbacks.model import RequestState
from callmark.domain.events.model import EventType
from callmark.domain.feature_sets.model import FeatureSetState, PhoneType
from callmark.domain.feedback.model import CallType, CampaignState, CampaignType
from callmark.domain.handsets.model import OS
from callmark.domain.labels.model import LabelType
from callmark.domain.numbers.model import JobKind, JobState, NumberState
from callmark.domain.numbers.proofs.model import ProofState, ProofWay
from callmark.domain.personalisation.model import Outcome, StoredRecord
from callmark.domain.policy.model import Role
from callmark.domain.policy.plan import MANAGEMENT, Feature, KeyAccess
from callmark.domain.sessions.model import MemberState
from callmark.domain.structure.model import NodeKind
from callmark.domain.webhooks.deliveries.health import HealthState
from callmark.domain.webhooks.model import DeliveryState
from callmark.kit.roles import ALL_ROLES
from callmark.kit.text import NO_BREAK
from callmark.record_rules.fields import Fault, Field

FEATURES = {
    Feature.CALL_PERSONALISATION: "Call Personalisation",
    Feature.NUMBER_MANAGEMENT: "Number Management",
    Feature.CALL_ME_BACK: "Call Me Back",
    Feature.USER_FEEDBACK: "User Feedback",
}
ACCESS: dict[KeyAccess, str] = {**FEATURES, MANAGEMENT: "Management"}
"""What a key may give access to."""

FEATURE_HINTS = {
    Feature.CALL_PERSONALISATION: "push call records, with names and reasons of their own",
    Feature.NUMBER_MANAGEMENT: "list numbers that show an identity in every call",
    Feature.CALL_ME_BACK: "offer callbacks after missed calls, with a work list and events",
    Feature.USER_FEEDBACK: "run campaigns with questions after calls, with results and events",
}
"""What an account can do that has the feature in its plan."""

ACCESS_HINTS: dict[KeyAccess, str] = {
    Feature.CALL_PERSONALISATION: "push call records, read labels and batches",
    Feature.NUMBER_MANAGEMENT: "list and delist numbers, read numbers and feature sets",
    Feature.CALL_ME_BACK: "download the log of requests",
    Feature.USER_FEEDBACK: "download the log of answers",
    MANAGEMENT: "manage everything that admins manage in this console, except keys, members, the account's name"
    " and codes at sign-in",
}
ROLES = {
    Role.ADMIN: "Admin",
    Role.DEPARTMENT_OWNER: "Department Owner",
    Role.OPERATION_OWNER: "Operation Owner",
    Role.PROCESS_OWNER: "Process Owner",
}
MEMBER_STATES = {MemberState.INVITED: "Invited", MemberState.ACTIVE: "Active", MemberState.REVOKED: "Access revoked"}
MEMBER_COLOURS = {MemberState.INVITED: "azure", MemberState.ACTIVE: "green", MemberState.REVOKED: "red"}
NODES = {
    NodeKind.DEPARTMENT: "Department",
    NodeKind.OPERATION: "Calling operation",
    NodeKind.PROCESS: "Process",
    NodeKind.SUB_PROCESS: "Sub-process",
}
NODE_ICONS = {
    NodeKind.DEPARTMENT: "building",
    NodeKind.OPERATION: "phone-call",
    NodeKind.PROCESS: "folder",
    NodeKind.SUB_PROCESS: "folder",
}
SET_STATES = {
    FeatureSetState.DRAFT: "Draft",
    FeatureSetState.PUBLISHED: "Published",
    FeatureSetState.UNPUBLISHED: "Unpublished",
}
SET_COLOURS = {
    FeatureSetState.DRAFT: "secondary",
    FeatureSetState.PUBLISHED: "green",
    FeatureSetState.UNPUBLISHED: "orange",
}
PHONE_TYPES = {PhoneType.VERIFIED: "Verified", PhoneType.PRIORITY: "Priority"}
NUMBER_STATES = {
    NumberState.PENDING: "Pending",
    NumberState.LISTED: "Listed",
    NumberState.DELISTING: "Delisting",
    NumberState.FAILED: "Failed",
}
NUMBER_COLOURS = {
    NumberState.PENDING: "azure",
    NumberState.LISTED: "green",
    NumberState.DELISTING: "orange",
    NumberState.FAILED: "red",
}
PROOF_STATES = {
    ProofState.UNPROVEN: "Unproven",
    ProofState.WAITING: "Proof in review",
    ProofState.PROVEN: "Proven",
    ProofState.REFUSED: "Proof refused",
}
PROOF_COLOURS = {
    ProofState.UNPROVEN: "secondary",
    ProofState.WAITING: "azure",
    ProofState.PROVEN: "green",
    ProofState.REFUSED: "red",
}
PROOF_WAYS = {
    ProofWay.OPERATOR: "by the operator",
    ProofWay.LETTER: "with a letter of authorisation",
    ProofWay.CALL: "with a code that was called",
    ProofWay.SMS: "with a code by SMS",
}
JOBS = {JobKind.PUBLISH: "List", JobKind.DELIST: "Delist"}
JOB_STATES = {JobState.IN_REVIEW: "In review", JobState.RUNNING: "Running", JobState.ENDED: "Ended"}
JOB_COLOURS = {JobState.IN_REVIEW: "orange", JobState.RUNNING: "azure", JobState.ENDED: "secondary"}


def count(number: int, thing: str) -> str:
    """A count of things: `1 number`, `1,200 numbers`, `no processes`."""
    plural = (
        f"{thing}es"
        if thing.endswith(("s", "ch", "sh", "x"))
        else f"{thing[:-1]}ies"
        if thing.endswith("ry")
        else f"{thing}s"
    )
    return f"1 {thing}" if number == 1 else f"{number:,} {plural}" if number else f"no {plural}"


def agree(number: int, one: str, more: str) -> str:
    """What goes with a count: `1 number leaves`, `2 numbers leave`, `no numbers leave`."""
    return one if number == 1 else more


LABEL_TYPES = {LabelType.DYNAMIC: "Dynamic", LabelType.STATIC: "Static"}
LABEL_HINTS = {
    LabelType.DYNAMIC: "for call records that you push to one receiver for a limited time",
    LabelType.STATIC: "for feature sets, shown whenever one of their listed numbers calls",
}
OUTCOMES = {
    Outcome.PENDING: "Waiting",
    Outcome.SUCCESS: "Pushed",
    Outcome.INVALID: "Invalid input",
    Outcome.NOT_REGISTERED: "Not a user of the app",
    Outcome.OS_NOT_SUPPORTED: "OS not supported",
    Outcome.APP_VERSION_NOT_SUPPORTED: "App version not supported",
    Outcome.FAILED_TO_PUSH: "Failed to push",
}
OUTCOME_COLOURS = {
    Outcome.PENDING: "azure",
    Outcome.SUCCESS: "green",
    Outcome.INVALID: "red",
    Outcome.NOT_REGISTERED: "orange",
    Outcome.OS_NOT_SUPPORTED: "orange",
    Outcome.APP_VERSION_NOT_SUPPORTED: "orange",
    Outcome.FAILED_TO_PUSH: "orange",
}
OUTCOME_HINTS = {
    Outcome.PENDING: "not pushed yet",
    Outcome.SUCCESS: "delivered to the handset, which shows it during its window",
    Outcome.INVALID: "the record has a fault and was not sent",
    Outcome.NOT_REGISTERED: "the receiver has no handset with the app",
    Outcome.OS_NOT_SUPPORTED: "call records show on Android only",
    Outcome.APP_VERSION_NOT_SUPPORTED: "the receiver's app is too old",
    Outcome.FAILED_TO_PUSH: "the handset did not connect in time; it gets the record when it reconnects",
}
DELIMITERS = {"comma": "A comma", "semicolon": "A semicolon", "tab": "A tab", "bar": "A vertical bar"}
"""What stands between the columns of a text, by its name in `tables.rows`."""
FIELDS = {
    Field.CALLER: "Caller number",
    Field.RECEIVER: "Receiver number",
    Field.LABEL_ID: "Label",
    Field.LABEL_NAME: "Name shown",
    Field.CALL_REASON: "Call reason",
    Field.STARTS_AT: "Start",
    Field.ENDS_AT: "End",
}
FAULTS = {
    Fault.REQUIRED: "is required",
    Fault.INVALID: "cannot be read",
    Fault.PHONE: "is not a phone number",
    Fault.FOREIGN: "is listed by another client",
    Fault.LABEL: "is not a dynamic label of this account",
    Fault.NAME_LENGTH: "must have 3 to 40 characters",
    Fault.NAME_CHARACTERS: "has invisible characters or characters that are not allowed",
    Fault.REASON_LENGTH: "must have 10 to 100 characters",
    Fault.REASON_CHARACTERS: "has characters that are not allowed, or begins or ends with one of . , -",
    Fault.END_PAST: "is in the past",
    Fault.END_ORDER: "must be after the start",
    Fault.TOO_LONG: "must be at most 24 hours after the start",
}
"""What is wrong, after the name of the field."""


def fault(field: str | None, what: str | None) -> str:
    """A record's fault as a sentence; empty for none."""
    return f"{FIELDS[Field(field)]} {FAULTS[Fault(what)]}" if field and what else ""


def size(number_of_bytes: int) -> str:
    """An amount of data as people read it: `2 MB`, `256 KB`, `900 bytes`. A KB has 1,024 bytes."""
    for unit, factor in (("MB", 1024 * 1024), ("KB", 1024)):
        if number_of_bytes >= factor:
            return f"{number_of_bytes / factor:.1f}".removesuffix(".0") + f" {unit}"
    return count(number_of_bytes, "byte")


def phone(number: str | None) -> str:
    """A number as every page writes it: `+91 80400 01234`, in its country's groups, which stay on one line.

    One that its country would write with other digits, as 447911123456 for 4407911123456, is written as it is kept.
    """
    if not number:
        return ""
    import phonenumbers  # here, because a process that shows no page does without

    try:
        found = phonenumbers.parse(f"+{number}")
    except phonenumbers.NumberParseException:
        return f"+{number}"
    international = phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    is_same = re.sub("[^0-9]", "", international) == number
    return international.replace(" ", NO_BREAK) if is_same else f"+{number}"


def receiver(record: StoredRecord) -> str:
    """Who a record is for; of an invalid one, what was sent as the receiver."""
    if record.submitted is None:
        return phone(record.key.receiver_number)
    sent = bytes(record.sent.get(Field.RECEIVER.value, b"null")).decode()
    if sent.startswith('"'):
        sent = msgspec.json.decode(sent, type=str)
    return sent[:40] if sent not in ("", "null") else "no receiver"


def first_of(names: Sequence[str], most: int = 20) -> str:
    """Names beside each other: `City, Zip`, of many the first and how many more there are."""
    shown = [name[:100] for name in names[:most]]
    return ", ".join(shown) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def sentence(message: str) -> str:
    """What a use case said, as a sentence of its own."""
    return f"{message[:1].upper()}{message[1:].rstrip('.')}."


def changed(action: str) -> str:
    """A name of the code in words: `feature_set.moved` is `Feature set moved`."""
    return action.replace(".", " ").replace("_", " ").capitalize()


EVENT_TYPES = {
    EventType.CALL_ME_BACK: "Call Me Back",
    EventType.USER_FEEDBACK: "User Feedback",
    EventType.POSSIBLE_SPOOF: "Possible spoof",
}
EVENT_HINTS = {
    EventType.CALL_ME_BACK: "someone requests a callback after a missed call",
    EventType.USER_FEEDBACK: "someone answers a campaign after a call",
    EventType.POSSIBLE_SPOOF: "a call from one of your numbers may not be yours",
}
HEALTHS = {
    HealthState.IDLE: "Idle",
    HealthState.WORKING: "Working",
    HealthState.FAILING: "Failing",
    HealthState.LATE: "No result",
    HealthState.PAUSED: "Paused",
}
HEALTH_COLOURS = {
    HealthState.IDLE: "secondary",
    HealthState.WORKING: "green",
    HealthState.FAILING: "red",
    HealthState.LATE: "orange",
    HealthState.PAUSED: "orange",
}
ALERT_KINDS = {
    AlertKind.WEBHOOK_FAILING: "Webhook failing",
    AlertKind.WEBHOOK_PAUSED: "Webhook paused",
    AlertKind.WEBHOOK_WORKING: "Webhook works again",
    AlertKind.DELIVERY_FAILED: "Event not delivered",
    AlertKind.OVERLAP_ENDING: "Old secret ending",
    AlertKind.NUMBERS_REVIEWED: "Numbers reviewed",
    AlertKind.RECORDS_INVALID: "Many invalid records",
    AlertKind.PUSHES_FAILING: "Fewer records pushed",
}
ALERT_HINTS = {
    AlertKind.WEBHOOK_FAILING: "It has accepted no event for an hour. Repeated after one day and three days.",
    AlertKind.WEBHOOK_PAUSED: "It has accepted no event for five days, and no more attempts are made.",
    AlertKind.WEBHOOK_WORKING: "It accepts events again.",
    AlertKind.DELIVERY_FAILED: "The last retry of an event failed. One alert for each event.",
    AlertKind.OVERLAP_ENDING: "A secret that you replaced stops signing within 24 hours.",
    AlertKind.NUMBERS_REVIEWED: "The operator has decided on numbers that you want to list, or on their proof.",
    AlertKind.RECORDS_INVALID: "One in five of today's call records has faults (of 100 or more). Once a day.",
    AlertKind.PUSHES_FAILING: "The share of records that reach handsets at once is less than half that of the last"
    " seven days. Once a day.",
}
ROLES_OF_ALERTS = {
    Role.ADMIN: "Admins",
    Role.DEPARTMENT_OWNER: "Department owners",
    Role.OPERATION_OWNER: "Operation owners",
    Role.PROCESS_OWNER: "Process owners",
}
NEW_RECIPIENTS = {
    RecipientKind.CHANNEL: "Add a channel",
    RecipientKind.EMAIL: "Add an email address",
    RecipientKind.ROLE: "Add a role",
}
DELIVERY_STATES = {
    DeliveryState.PENDING: "Waiting",
    DeliveryState.RESCHEDULED: "Rescheduled",
    DeliveryState.SUCCESS: "Success",
    DeliveryState.WEBHOOK_NOT_FOUND: "Webhook deleted",
    DeliveryState.FAILED: "Failed",
    DeliveryState.STOPPED: "Stopped",
}
DELIVERY_COLOURS = {
    DeliveryState.PENDING: "azure",
    DeliveryState.RESCHEDULED: "orange",
    DeliveryState.SUCCESS: "green",
    DeliveryState.WEBHOOK_NOT_FOUND: "secondary",
    DeliveryState.FAILED: "red",
    DeliveryState.STOPPED: "red",
}
DELIVERY_HINTS = {
    DeliveryState.PENDING: "The first attempt is pending.",
    DeliveryState.RESCHEDULED: "The last attempt failed. We will try again.",
    DeliveryState.SUCCESS: "The receiver answered with a 2xx.",
    DeliveryState.WEBHOOK_NOT_FOUND: "The webhook was deleted before an attempt, or no longer gets this event type.",
    DeliveryState.FAILED: "The last retry failed. There are no more attempts.",
    DeliveryState.STOPPED: "The receiver answered 410, which ends the delivery.",
}
REQUEST_STATES = {RequestState.NEW: "New", RequestState.TAKEN: "Taken", RequestState.DONE: "Done"}
REQUEST_COLOURS = {RequestState.NEW: "azure", RequestState.TAKEN: "orange", RequestState.DONE: "green"}
CAMPAIGN_TYPES = {CampaignType.CALL_RATING: "Call Rating", CampaignType.QUESTIONS: "Questions"}
CALL_TYPES = {CallType.ANSWERED: "Answered", CallType.MISSED: "Missed or rejected"}
CAMPAIGN_STATES = {CampaignState.DRAFT: "Draft", CampaignState.LIVE: "Live", CampaignState.ENDED: "Ended"}
CAMPAIGN_COLOURS = {CampaignState.DRAFT: "secondary", CampaignState.LIVE: "green", CampaignState.ENDED: "orange"}
ACCOUNT_STATES = {AccountState.ACTIVE: "Active", AccountState.SUSPENDED: "Suspended"}
ACCOUNT_COLOURS = {AccountState.ACTIVE: "green", AccountState.SUSPENDED: "red"}
SYSTEMS = {OS.ANDROID: "Android", OS.IOS: "iOS"}
PROCESSES = {
    "http": "Web: API, gateway, console, signed calls",
    "worker": "Worker",
    "handsets": "Virtual handsets",
    ALL_ROLES: "All roles and virtual handsets",
    "operator": "Operator command",
}


def hours(week: Week) -> str:
    """Business hours as people read them: days with a capital, ranges with an en dash."""
    return re.sub(r"[a-z]{3}", lambda day: day[0].capitalize(), hours_text(week)).replace("-", "\N{EN DASH}")


def many(number: int, most: int) -> str:
    """A count that stopped at `most`: `1,200`, `10,000+`."""
    return f"{most:,}+" if number > most else f"{number:,}"


BUCKETS = {
    "real-time": "Real time",
    "batch": "Batches (v2 and v3)",
    "bulk-v1": "Batches (v1)",
    "extensions": "Extensions",
    "lint": "Dry run",
    "management": "Management",
}
LIMITS = {
    "token": "Access tokens created per 30 minutes",
    "real-time": "Real-time requests per second and token",
    "batch": "Batches (v2 and v3) per minute and token",
    "bulk-v1": "Batches (v1) per second and token",
    "extensions": "Extension requests per second and token",
    "lint": "Dry runs per minute and token",
    "management": "Management requests per second and token",
    "api-keys": "API keys at the same time",
    "webhooks": "Webhooks at the same time",
}
"""Every limit of an account, as operators set it."""
