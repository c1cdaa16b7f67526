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
    faults = [f"| {kind} | {outcome.faults[kind]} |" for kind in sorted(outcome.faults)]
    operations = [
        f"| {kind} | {outcome.operations[kind]} | {outcome.done.get(kind, 0)} |" for kind in sorted(outcome.operations)
    ]
    tables = [*_head("Fault", "Times"), *faults, "", *_head("Operation", "Times", "Done at once"), *operations, ""]
    return "\n".join([headline, "", checked, "", *tables])


def _head(*columns: str) -> list[str]:
    return [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
