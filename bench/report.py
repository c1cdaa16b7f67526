"""A line of the table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure beside its ceiling; texts, ready to print."""

    name: str
    measure: str
    ceiling: str
    figure: str
    ratio: str
    aim: str


def rate(name: str, measure: str, *, ceiling: float, what: str, figure: float, aim: str) -> Row:
    """A row of two rates per second."""
    return Row(name, measure, f"{ceiling:,.0f}/s ({what})", f"{figure:,.0f}/s", f"{figure / ceiling:.2f}", aim)
