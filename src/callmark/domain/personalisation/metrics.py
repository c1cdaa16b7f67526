"""How pushes end, as metrics: of records pushed by workers (`bulk`) and of those pushed while their sender waits."""

from callmark.domain.personalisation.model import Outcome
from callmark.kit.telemetry.metrics import counter, histogram

OUTCOMES = counter(
    "callmark_push_outcomes_total",
    "Call records by the outcome that they first came to, and by kind: bulk or real_time. A record whose handset"
    " acknowledges it later counts once, as it ended first.",
    ["kind", "outcome"],
)
BULK = {outcome: OUTCOMES.labels("bulk", outcome.value) for outcome in Outcome if outcome is not Outcome.PENDING}
REAL_TIME = {
    outcome: OUTCOMES.labels("real_time", outcome.value) for outcome in Outcome if outcome is not Outcome.PENDING
}
REAL_TIME_SECONDS = histogram(
    "callmark_real_time_push_seconds",
    "Time that a real-time push took us, from its admission to its outcome, without the wait for its handset.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
