"""The one list of background work: what workers do, and what runs periodically."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from callmark.domain.alerts import posts
from callmark.domain.announced_calls import service as announced_calls
from callmark.domain.audit import sealing
from callmark.domain.callbacks import jobs as callbacks
from callmark.domain.calls import daily_figures as call_figures, jobs as calls
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.feedback import jobs as feedback
from callmark.domain.handsets import waking
from callmark.domain.idempotency import service as idempotency
from callmark.domain.log_downloads import jobs as log_downloads
from callmark.domain.mail import jobs as mail
from callmark.domain.numbers import jobs as numbers
from callmark.domain.numbers.proofs import codes as proof_codes, service as proofs
from callmark.domain.personalisation import jobs as personalisation, partitions
from callmark.domain.personalisation.daily_figures import alerts as day_alerts, jobs as record_figures
from callmark.domain.personalisation.suspension import jobs as switches
from callmark.domain.personalisation.sweeping.jobs import sweep
from callmark.domain.personalisation.uploads import jobs as uploads
from callmark.domain.persons import erasing
from callmark.domain.previewed_files import service as previewed_files
from callmark.domain.sessions import jobs as session_jobs, service as sessions
from callmark.domain.signed_calls import jobs as signed_calls
from callmark.domain.signer_certificates.jobs import keep_certificates
from callmark.domain.spoof_alarms import service as spoof_alarms
from callmark.domain.webhooks import overlaps
from callmark.domain.webhooks.dispatch import jobs as webhooks
from callmark.domain.webhooks.outages import jobs as outages
from callmark.domain.work_names import WorkName
from callmark.kit.db import own_names
from callmark.kit.outbound import Outbound
from callmark.kit.work import Claimed, Work

Job = Callable[[Deps], Awaitable[object]]


PERIODIC: dict[str, tuple[timedelta, Job]] = {
    "partitions": (timedelta(minutes=1), partitions.keep_partitions),
    "old_batches": (timedelta(hours=6), partitions.drop_old_batches),
    "dead_sessions": (timedelta(hours=1), sessions.forget_dead),
    "dead_tokens": (timedelta(minutes=30), credentials.forget_dead_tokens),
    "old_calls": (timedelta(days=1), calls.drop_old_calls),
    "old_spoof_alarms": (timedelta(days=1), spoof_alarms.forget_old_alarms),
    "old_signed_calls": (timedelta(days=1), signed_calls.drop_old_calls),
    "counted_tokens": (timedelta(minutes=1), signed_calls.forget_counted_tokens),
    "old_answers": (timedelta(days=1), feedback.drop_old_answers),
    "audit_seals": (timedelta(seconds=5), sealing.seal_entries),
    "old_audit_entries": (timedelta(days=1), sealing.prune),
    "old_callback_requests": (timedelta(days=1), callbacks.drop_old_requests),
    "old_idempotency_keys": (timedelta(hours=1), idempotency.forget_old_keys),
    "old_deliveries": (timedelta(days=1), webhooks.forget_old_deliveries),
    "old_exports": (timedelta(hours=1), log_downloads.forget_old_files),
    "old_mails": (timedelta(hours=1), mail.keep_mails),
    "old_proof_requests": (timedelta(days=1), proofs.forget_old_requests),
    "old_announced_calls": (timedelta(hours=1), announced_calls.forget_old_calls),
    "old_number_codes": (timedelta(hours=1), proof_codes.forget_old_codes),
    "old_drafts": (timedelta(hours=1), previewed_files.forget_old_files),
    "old_uploads": (timedelta(hours=6), uploads.forget_old_uploads),
    "record_days": (timedelta(seconds=10), record_figures.count_days),
    "call_days": (timedelta(seconds=30), call_figures.count_calls),
    "old_alerts": (timedelta(days=1), posts.forget_old),
    "webhook_outages": (timedelta(seconds=30), outages.watch_outages),
    "webhook_overlaps": (timedelta(hours=1), overlaps.watch_overlaps),
    "day_alerts": (timedelta(minutes=10), day_alerts.watch_days),
    "certificates": (timedelta(minutes=5), keep_certificates),
    "sweep": (timedelta(seconds=30), sweep),
}
"""How often each job runs, by the product clock; each runs once however many workers there are."""


def periodic(deps: Deps) -> Work:
    """The work of the periodic jobs.

    During an upgrade the first new worker adds jobs that older ones do not know: these leave them to it.
    """

    async def run(claimed: Claimed) -> datetime | None:
        every, job = PERIODIC[claimed.row["name"]]
        await job(deps)
        return deps.clock.now() + every

    names = ", ".join(f"'{name}'" for name in PERIODIC)
    return Work(
        name=WorkName.PERIODIC,
        table="periodic_job",
        key="name",
        key_type="text",
        columns="name",
        run=run,
        at_once=4,
        known=own_names(f"name IN ({names})"),
    )


def row_works(deps: Deps, outbound: Outbound | None = None) -> list[Work]:
    """Every kind of work whose rows are leased one by one; without `outbound`, to look at them."""
    return [
        personalisation.batches(deps),
        uploads.uploads(deps),
        switches.switches(deps),
        numbers.listing_jobs(deps),
        mail.mails(deps),
        session_jobs.reset_requests(deps),
        posts.alert_posts(deps),
        proof_codes.number_codes(deps),
        waking.wake_ups(deps, outbound),
        erasing.erasures(deps),
        periodic(deps),
    ]


def works(deps: Deps, outbound: Outbound) -> list[Work]:
    """Every kind of work."""
    return [*row_works(deps, outbound), webhooks.deliveries(deps, outbound)]
