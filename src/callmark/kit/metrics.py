"""Metrics of the ground itself, and `/metrics`' text; each surface keeps its own metrics beside its code."""

from prometheus_client import CONTENT_TYPE_LATEST, Histogram, generate_latest

WORK_SECONDS = Histogram(
    "callmark_work_seconds",
    "Time to run one row of due work",
    ["work", "result"],
    buckets=(0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30),
)
GATHERED_ITEMS = Histogram(
    "callmark_gathered_items",
    "Items that shared one commit",
    ["statement"],
    buckets=(1, 2, 5, 10, 50, 100, 500, 1000, 4000),
)


def render() -> tuple[bytes, str]:
    """All metrics of this process in Prometheus' text form, and its content type."""
    return generate_latest(), CONTENT_TYPE_LATEST
