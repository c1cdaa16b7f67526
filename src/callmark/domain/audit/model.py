"""An entry of the audit log, and what the log is narrowed to."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from callmark.domain.ids import AccountId, AuditId

PAGE = 50


class AuditAction(StrEnum):
    """What was changed and how, as it is stored: so a name never changes. Older versions may have written others."""

    # accounts and who works in them
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_CHANGED = "account.changed"
    ACCOUNT_SUSPENDED = "account.suspended"
    ACCOUNT_RESTORED = "account.restored"
    ACCOUNT_LIMITS_CHANGED = "account.limits_changed"
    MEMBER_CREATED = "member.created"
    MEMBER_INVITED = "member.invited"
    MEMBER_INVITED_AGAIN = "member.invited_again"
    MEMBER_ACCEPTED = "member.accepted"
    MEMBER_CHANGED = "member.changed"
    MEMBER_REVOKED = "member.revoked"
    MEMBER_RESTORED = "member.restored"
    MEMBER_PASSWORD_SET = "member.password_set"
    MEMBER_DELETED = "member.deleted"
    PASSWORD_CHANGED = "password.changed"
    PASSWORD_RESET = "password.reset"

    # operators, and what they act for
    OPERATOR_CREATED = "operator.created"
    OPERATOR_PASSWORD_SET = "operator.password_set"
    OPERATOR_DELETED = "operator.deleted"
    OPERATOR_ACTS = "operator.acts"
    OPERATOR_STOPPED = "operator.stopped"
    OPERATOR_TOKEN_CREATED = "operator_token.created"
    OPERATOR_TOKEN_REVOKED = "operator_token.revoked"

    # how clients, handsets and call servers get in
    KEY_CREATED = "key.created"
    KEY_CHANGED = "key.changed"
    KEY_REGENERATED = "key.regenerated"
    KEY_DELETED = "key.deleted"
    HANDSET_APP_CREATED = "handset_app.created"
    HANDSET_APP_REVOKED = "handset_app.revoked"
    HANDSET_FORGOTTEN = "handset.forgotten"
    EDGE_CREATED = "edge.created"
    EDGE_REVOKED = "edge.revoked"

    # what is shown
    LABEL_CREATED = "label.created"
    LABEL_CHANGED = "label.changed"
    LABEL_MADE_DEFAULT = "label.made_default"
    LABEL_DELETED = "label.deleted"
    CALL_REASON_CREATED = "call_reason.created"
    CALL_REASON_CHANGED = "call_reason.changed"
    CALL_REASON_DELETED = "call_reason.deleted"

    # where numbers belong
    STRUCTURE_CREATED = "structure.created"
    STRUCTURE_RENAMED = "structure.renamed"
    STRUCTURE_MOVED = "structure.moved"
    STRUCTURE_DELETED = "structure.deleted"
    FEATURE_SET_CREATED = "feature_set.created"
    FEATURE_SET_CHANGED = "feature_set.changed"
    FEATURE_SET_MOVED = "feature_set.moved"
    FEATURE_SET_PUBLISHED = "feature_set.published"
    FEATURE_SET_UNPUBLISHED = "feature_set.unpublished"
    FEATURE_SET_DELETED = "feature_set.deleted"
    NUMBER_GROUP_CREATED = "number_group.created"

    # numbers
    NUMBERS_LISTED = "numbers.listed"
    NUMBERS_DELISTED = "numbers.delisted"
    LISTING_APPROVED = "listing.approved"
    LISTING_REJECTED = "listing.rejected"
    NUMBERS_PROOF_REQUESTED = "numbers.proof_requested"
    NUMBERS_PROOF_WITHDRAWN = "numbers.proof_withdrawn"
    NUMBERS_CODE_SENT = "numbers.code_sent"
    NUMBERS_PROVEN = "numbers.proven"
    NUMBERS_PROOF_REFUSED = "numbers.proof_refused"

    # call records
    RECORD_PUSHED = "record.pushed"
    RECORD_WITHDRAWN = "record.withdrawn"
    BATCH_WITHDRAWN = "batch.withdrawn"
    UPLOAD_CREATED = "upload.created"

    # signed calls
    CERTIFICATE_ISSUED = "certificate.issued"
    CERTIFICATE_IMPORTED = "certificate.imported"
    CERTIFICATE_RETIRED = "certificate.retired"
    TRUST_ROOT_CREATED = "trust_root.created"
    TRUST_ROOT_ADDED = "trust_root.added"
    TRUST_ROOT_REMOVED = "trust_root.removed"

    # what receivers answer
    CALLBACK_CONFIG_CHANGED = "callback_config.changed"
    CALLBACK_CONFIG_DELETED = "callback_config.deleted"
    CALLBACK_TAKEN = "callback.taken"
    CALLBACK_DONE = "callback.done"
    CALLBACK_REOPENED = "callback.reopened"
    CAMPAIGN_CREATED = "campaign.created"
    CAMPAIGN_CHANGED = "campaign.changed"
    CAMPAIGN_MADE_LIVE = "campaign.made_live"
    CAMPAIGN_ENDED = "campaign.ended"
    CAMPAIGN_DELETED = "campaign.deleted"

    # what the business gets
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_CHANGED = "webhook.changed"
    WEBHOOK_TESTED = "webhook.tested"
    WEBHOOK_PAUSED = "webhook.paused"
    WEBHOOK_RESUMED = "webhook.resumed"
    WEBHOOK_ROTATED = "webhook.rotated"
    WEBHOOK_RECOVERED = "webhook.recovered"
    WEBHOOK_DELETED = "webhook.deleted"
    DELIVERY_RESENT = "delivery.resent"
    LOG_EXPORTED = "log.exported"
    ALERTS_ADDED = "alerts.added"
    ALERTS_CHANGED = "alerts.changed"
    ALERTS_CONFIRMED = "alerts.confirmed"
    ALERTS_STOPPED = "alerts.stopped"
    ALERTS_REMOVED = "alerts.removed"
    ALERTS_TESTED = "alerts.tested"
    MAIL_SENT_AGAIN = "mail.sent_again"

    # data protection
    PERSON_EXPORT_BEGUN = "person.export_begun"
    PERSON_EXPORTED = "person.exported"
    PERSON_ERASURE_REQUESTED = "person.erasure_requested"
    PERSON_ERASED = "person.erased"
    AUDIT_PRUNED = "audit.pruned"

    # the installation itself
    INSTALLATION_RENEWED = "installation.renewed"
    INSTALLATION_MOVED = "installation.moved"
    INSTALLATION_RELEASED = "installation.released"


class AuditEntry(Struct, frozen=True):
    """One change: who did what to which thing, when and from where. `account_id` None: to the installation."""

    id: AuditId
    account_id: AccountId | None
    actor_email: str
    by_operator: bool
    action: str
    subject: str
    details: Mapping[str, object]
    address: str
    at: datetime


class AuditFilter(Struct, frozen=True):
    """What to show of the log; empty parts do not filter. `text` is looked for in actor and subject."""

    action: str = ""
    text: str = ""


def for_business(details: Mapping[str, object]) -> dict[str, object]:
    """Details as the account's members see them: of a Key ID its end (contract D47)."""
    return {name: f"…{str(value)[-4:]}" if name.endswith("key_id") else value for name, value in details.items()}
