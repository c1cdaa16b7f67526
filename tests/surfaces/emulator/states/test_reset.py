"""What a reset forgets."""

from callmark.domain.deps import Deps
from callmark.surfaces.emulator.states.reset import FORGOTTEN

KEPT = {
    "access_token",
    "account_switch",
    "alert_recipient",
    "api_key",
    "audit_checkpoint",
    "audit_entry",
    "audit_head",
    "brand_icon",
    "call_reason",
    "callback_config",
    "calling_operation",
    "calling_process",
    "campaign",
    "client_account",
    "console_session",
    "count_mark",
    "department",
    "edge",
    "erasure",
    "emulator_state",
    "feature_set",
    "gateway",
    "handed_over",
    "handset_app",
    "installation",
    "known_browser",
    "known_device",
    "label",
    "listing_job",
    "logo",
    "mailed_link",
    "member",
    "number",
    "number_proof",
    "operator_token",
    "operator_user",
    "periodic_job",
    "presence",
    "process",
    "proof_request",
    "registration",
    "schema_migration",
    "sign_in_code",
    "signer_certificate",
    "throttle",
    "trust_root",
    "virtual_handset",
    "webhook",
    "webhook_queue",
}
"""Who is there, what they have set up, and what is changed by the reset instead of forgotten."""

_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
"""


async def test_every_table_is_either_kept_by_a_reset_or_forgotten(deps: Deps) -> None:
    async with deps.db.connection() as tx:
        tables = {row["relname"] for row in await tx.fetch(_TABLES)}
    assert tables == KEPT | FORGOTTEN
    assert not KEPT & FORGOTTEN
