"""A run in a page."""

from collections import Counter

from chaos.run import Outcome


def report(outcome: Outcome) -> str:
    """Markdown."""
    seen = Counter(outcome.entries)
    headline = (
        f"Seed {outcome.seed}: {outcome.cycles} cycles in {outcome.seconds / 60:.1f} minutes,"
        f" {sum(outcome.faults.values())} faults, {sum(outcome.operations.values())} operations,"
        f" {len(outcome.violations)} violations."
    )
    checked = (
        f"Checked: {seen['Push']} tries to push, {seen['Record']} readings of records, {seen['Event']} events,"
        f" {seen['Received']} arrivals at webhooks, {seen['Change']} changes, {seen['Request']} requests against"
        f" limits, {seen['Download']} downloads."
    )
    tables = [*_table("Fault", outcome.faults), "", *_table("Operation", outcome.operations), ""]
    return "\n".join([headline, "", checked, "", *tables])


def _table(what: str, counts: dict[str, int]) -> list[str]:
    return [f"| {what} | Times |", "|---|---|", *(f"| {kind} | {counts[kind]} |" for kind in sorted(counts))]
