"""The one list of background work: what workers do, and what runs periodically."""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from functools import partial

from msgspec import Struct

from callmark.domain.alerts import posts
from callmark.domain.audit import sealing
from callmark.domain.calls import daily_figures as call_figures
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.handsets import jobs as handsets, waking
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
from callmark.domain.retention.jobs import delete_old
from callmark.domain.retention.model import KINDS
from callmark.domain.sessions import jobs as session_jobs, service as sessions
from callmark.domain.signed_calls import jobs as signed_calls
from callmark.domain.signer_certificates.jobs import keep_certificates
from callmark.domain.webhooks import overlaps
from callmark.domain.webhooks.dispatch import jobs as webhooks
from callmark.domain.webhooks.outages import jobs as outages
from callmark.domain.work_names import WorkName
from callmark.kit.clock_watch import TRUSTED_WITHIN
from callmark.kit.outbound.client import Outbound
from callmark.kit.postgres.database import own_names
from callmark.kit.work import Claimed, Work


class Job(Struct, frozen=True):
    """A periodic job: how often it runs, by the product clock, and what operators read that it does."""

    every: timedelta
    run: Callable[[Deps], Awaitable[object]]
    says: str


DELETIONS = {
    "old_batches": Job(timedelta(hours=6), partitions.drop_old_batches, "Deletes old batches"),
    "dead_sessions": Job(
        timedelta(hours=1), sessions.forget_dead, "Deletes expired sessions, links and codes, and forgets browsers"
    ),
    "dead_tokens": Job(timedelta(minutes=30), credentials.forget_dead_tokens, "Deletes expired access tokens"),
    "counted_tokens": Job(
        timedelta(minutes=1), signed_calls.forget_counted_tokens, "Forgets tokens that can count no more"
    ),
    "old_audit_entries": Job(timedelta(days=1), sealing.prune, "Deletes old entries of the audit log"),
    "old_idempotency_keys": Job(timedelta(hours=1), idempotency.forget_old_keys, "Deletes old idempotency keys"),
    "old_downloads": Job(timedelta(hours=1), log_downloads.forget_old_files, "Deletes old download files"),
    "old_proof_requests": Job(
        timedelta(days=1), proofs.forget_old_requests, "Deletes old letters of authorisation that no number needs"
    ),
    "old_uploads": Job(timedelta(hours=6), uploads.forget_old_uploads, "Deletes old uploaded files"),
    "old_handsets": Job(
        timedelta(hours=1), handsets.forget_ended, "Deletes forgotten handsets, and those of revoked apps"
    ),
    "old_alerts": Job(timedelta(days=1), posts.forget_old, "Forgets what was announced long ago"),
    **{
        kind.job: Job(timedelta(hours=1), partial(delete_old, kind=kind), f"Deletes old {kind.name}")
        for kind in KINDS
        if kind.job
    },
}
"""The periodic jobs that delete what is old, as long as there is any: they have places of their own.

Each kind of thing that is kept for a time has its own, so one that fails holds up no other. One that has much to delete
holds up other deletions alone, and those once every place is taken by such a one.
"""

PERIODIC = DELETIONS | {
    "partitions": Job(
        timedelta(minutes=1), partitions.keep_partitions, "Creates partitions for the coming days and drops old ones"
    ),
    "audit_seals": Job(timedelta(seconds=5), sealing.seal_entries, "Seals new entries of the audit log"),
    "waiting_mails": Job(
        timedelta(hours=1), mail.log_waiting, "Says in the log that emails wait and no mail server is set"
    ),
    "record_days": Job(timedelta(seconds=10), record_figures.count_days, "Counts call records by day"),
    "call_days": Job(timedelta(seconds=30), call_figures.count_calls, "Counts calls by day"),
    "webhook_outages": Job(
        timedelta(seconds=30), outages.watch_outages, "Announces webhooks that fail, and those that work again"
    ),
    "webhook_overlaps": Job(timedelta(hours=1), overlaps.watch_overlaps, "Announces replaced secrets that end soon"),
    "day_alerts": Job(
        timedelta(minutes=10), day_alerts.watch_days, "Announces days with many invalid or unpushed records"
    ),
    "certificates": Job(timedelta(minutes=5), keep_certificates, "Renews the certificates that calls are signed with"),
    "sweep": Job(timedelta(seconds=30), sweep, "Ends pushes that still wait when their window closes"),
}
"""Every periodic job by its name, which is stored and in metrics; each runs once however many workers there are."""


def periodic(deps: Deps) -> Work:
    """The work of the periodic jobs that have little to do each time."""
    return _jobs(deps, WorkName.PERIODIC, PERIODIC.keys() - DELETIONS.keys())


def deletions(deps: Deps) -> Work:
    """The work of those that may have much to delete."""
    return _jobs(deps, WorkName.DELETIONS, DELETIONS.keys())


def _jobs(deps: Deps, work: WorkName, those: Collection[str]) -> Work:
    """Periodic jobs of these names as one kind of work.

    During an upgrade the first new worker adds jobs that older ones do not know: these leave them to it.
    """
    jobs = {name: job for name, job in PERIODIC.items() if name in those}

    async def run(claimed: Claimed) -> datetime | None:
        job = jobs[claimed.row["name"]]
        await job.run(deps)
        return deps.clock.now() + job.every

    names = ", ".join(f"'{name}'" for name in jobs)
    latest = {name: (TRUSTED_WITHIN + job.every).total_seconds() for name, job in jobs.items()}
    cases = " ".join(f"WHEN '{name}' THEN interval '{seconds} s'" for name, seconds in latest.items())
    return Work(
        name=work,
        table="periodic_job",
        key="name",
        key_type="text",
        columns="name",
        run=run,
        at_once=4,
        known=own_names(f"name IN ({names})"),
        due_within=own_names(f"CASE name {cases} END"),
    )


def row_works(deps: Deps, outbound: Outbound | None = None) -> list[tuple[str, Work]]:
    """Every kind of work whose rows are leased one by one, with what operators call it; periodic jobs are apart.

    Without `outbound`, to look at them.
    """
    return [
        ("Batches to push", personalisation.batches(deps)),
        ("Uploaded files", uploads.uploads(deps)),
        ("Account suspensions and restores", switches.switches(deps)),
        ("Listing jobs", numbers.listing_jobs(deps)),
        ("Emails", mail.mails(deps)),
        ("Requests for a new password", session_jobs.reset_requests(deps)),
        ("Alerts to channels", posts.alert_posts(deps)),
        ("Codes that prove numbers", proof_codes.number_codes(deps)),
        ("Wake-ups of handsets", waking.wake_ups(deps, outbound)),
        ("Erasures of phone numbers", erasing.erasures(deps)),
    ]


def works(deps: Deps, outbound: Outbound) -> list[Work]:
    """Every kind of work."""
    jobs = periodic(deps), deletions(deps)
    return [*(work for _, work in row_works(deps, outbound)), *jobs, webhooks.deliveries(deps, outbound)]
