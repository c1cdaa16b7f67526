"""Metrics of signed calls; how long questions take is in `callmark_request_seconds`, by their routes."""

from callmark.domain.calls.model import CallSource
from callmark.domain.signed_calls.model import CallVerdict, Verstat
from callmark.kit.telemetry.metrics import counter
from callmark.passport import Reason

_SIGNINGS = counter(
    "callmark_signings_total",
    "Signing requests that were decided: branded, plain (attested, but nothing to show), or refused.",
    ["result"],
    known=("branded", "plain", "refused"),
)
_VERIFICATIONS = counter(
    "callmark_verifications_total",
    "Verified calls: the verdict, and the SIP reason code of one that failed (empty for one that passed).",
    ["verstat", "reason"],
    known=[
        (Verstat.PASSED.value, ""),
        (Verstat.NONE.value, str(Reason.NO_IDENTITY.code)),
        *((Verstat.FAILED.value, str(reason.code)) for reason in Reason),
    ],
)


def count_signing(source: CallSource | None) -> None:
    """Counts a decided request by where its name came from; None for one that was refused."""
    _SIGNINGS.labels("refused" if source is None else "plain" if source is CallSource.NONE else "branded").inc()


def count_verification(verification: CallVerdict) -> None:
    """Counts a verdict."""
    reason = str(verification.error.reason.code) if verification.error else ""
    _VERIFICATIONS.labels(verification.verstat.value, reason).inc()
