"""What `/metrics` of a process says, read as Prometheus would."""

from typing import NamedTuple

from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

from callmark.domain.deps import Deps
from callmark.surfaces.metrics import MetricsPage
from callmark.surfaces.observed import REQUEST_SECONDS, request_seconds


class Series(NamedTuple):
    """A name with its labels, sorted by name."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()


class Scrape(Struct, frozen=True):
    """Every sample of one look; `counts` are the series that only grow."""

    samples: dict[Series, float]
    counts: frozenset[Series]

    def value(self, name: str, /, **labels: str) -> float:
        """The one sample of that name with these labels among its own."""
        (found,) = [value for series, value in self.samples.items() if _has(series, name, labels)]
        return found

    def all(self, name: str, label: str) -> dict[str, float]:
        """The samples of that name by one of their labels."""
        return {dict(series.labels)[label]: value for series, value in self.samples.items() if series.name == name}


def _has(series: Series, name: str, labels: dict[str, str]) -> bool:
    return series.name == name and labels.items() <= dict(series.labels).items()


def read_scrape(text: str) -> Scrape:
    """The samples of a page."""
    samples: dict[Series, float] = {}
    counts: set[Series] = set()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            series = Series(sample.name, tuple(sorted(sample.labels.items())))
            samples[series] = sample.value
            if family.type in {"counter", "histogram"}:
                counts.add(series)
    return Scrape(samples, frozenset(counts))


async def scrape(deps: Deps) -> Scrape:
    """The page of this process, with what the whole installation says if it is the one to say it."""
    body, _ = await MetricsPage(deps).render()
    return read_scrape(body.decode())


def forget_requests() -> None:
    """As in a process that has answered nothing yet: those of earlier tests are 20,000 series in each later look."""
    REQUEST_SECONDS.clear()
    request_seconds.cache_clear()
