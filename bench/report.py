"""A line of the table."""

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One figure beside its ceiling: texts, ready to print, and the number that a baseline is compared with."""

    name: str
    measure: str
    ceiling: str
    figure: str
    ratio: str
    aim: str
    value: float | None = None
    """The ratio, or the figure where there is no ceiling; None for a remark."""
    less_is_better: bool = False

    @property
    def key(self) -> str:
        return f"{self.name} {self.measure}"


def rate(name: str, measure: str, *, ceiling: float, what: str, figure: float, aim: str) -> Row:
    """A row of two rates per second."""
    ratio = figure / ceiling
    return Row(name, measure, f"{ceiling:,.0f}/s ({what})", f"{figure:,.0f}/s", f"{ratio:.2f}", aim, ratio)


def speed(name: str, measure: str, *, figure: float, aim: str) -> Row:
    """A row of a rate per second without a ceiling."""
    return Row(name, measure, "", f"{figure:,.0f}/s", "", aim, figure)


def cost(name: str, measure: str, *, figure: float, unit: str, aim: str, digits: int = 0, ceiling: str = "") -> Row:
    """A row of something that should be small: time, memory, a number of processes. A ceiling here is a remark."""
    text = f"{figure:,.{digits}f} {unit}".strip()
    return Row(name, measure, ceiling, text, "", aim, figure, less_is_better=True)


def ratio_of_costs(
    name: str, measure: str, *, before: float, figure: float, unit: str, aim: str, digits: int = 0, what: str = ""
) -> Row:
    """A row of a cost beside another: how many times as much."""
    ratio = figure / before
    remark = f" ({what})" if what else ""
    return Row(
        name,
        measure,
        f"{before:,.{digits}f} {unit}{remark}",
        f"{figure:,.{digits}f} {unit}",
        f"{ratio:.2f}",
        aim,
        ratio,
        less_is_better=True,
    )
