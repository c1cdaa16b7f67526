"""Metrics: declared here or beside the code that they measure, listed by `describe`, printed by `render`.

Events are counted where they happen (`counter`, `histogram`). Gauges of existing state are read at scrape time
(`ReadMetric`). A label has few values, known in advance: never a phone number, never the id of an account.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.metrics import disable_created_metrics
from prometheus_client.registry import Collector

disable_created_metrics()  # a series more for each that counts, which no query needs

Kind = Literal["counter", "gauge", "histogram"]


class MetricDescription(Struct, frozen=True):
    """A metric as the reference lists it; `name` is how queries call it (a histogram's with `_bucket` and so on)."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str


_DECLARED: dict[str, MetricDescription] = {}


def counter(
    name: str, help_: str, labels: Sequence[str] = (), *, known: Iterable[str | tuple[str, ...]] = ()
) -> Counter:
    """A counter; `name` ends in `_total`.

    The `known` values of its labels are there from the start, at 0: to Prometheus a series that begins at 1 has not
    risen, and an alert would miss what happens for the first time.
    """
    _declare(name, "counter", labels, help_)
    made = Counter(name, help_, labels)
    for value in known:
        made.labels(*((value,) if isinstance(value, str) else value))
    return made


class Tally:
    """Counts what comes by the thousand, for one increase of a counter in each turn of the event loop."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._count = 0

    def add(self, count: int = 1) -> None:
        """Counts `count` more."""
        if not self._count:
            asyncio.get_running_loop().call_soon(self._hand_on)
        self._count += count

    def _hand_on(self) -> None:
        count, self._count = self._count, 0
        self._counter.inc(count)


def gauge(name: str, help_: str, labels: Sequence[str] = ()) -> Gauge:
    """A gauge that the code sets."""
    _declare(name, "gauge", labels, help_)
    return Gauge(name, help_, labels)


def histogram(name: str, help_: str, labels: Sequence[str] = (), *, buckets: Sequence[float]) -> Histogram:
    """A histogram."""
    _declare(name, "histogram", labels, help_)
    return Histogram(name, help_, labels, buckets=buckets)


class ReadMetric:
    """A metric whose values are read when someone asks."""

    def __init__(self, name: str, kind: Literal["counter", "gauge"], help_: str, labels: Sequence[str] = ()) -> None:
        self._told = _declare(name, kind, labels, help_)

    def of(self, values: Mapping[tuple[str, ...], float] | float) -> Metric:
        """The metric with a value for each combination of its labels, or with its one value."""
        family = CounterMetricFamily if self._told.kind == "counter" else GaugeMetricFamily
        made = family(self._told.name, self._told.help, labels=self._told.labels)
        for labels, value in values.items() if isinstance(values, Mapping) else [((), values)]:
            made.add_metric(labels, value)
        return made


def declared() -> list[MetricDescription]:
    """Every metric that an imported module has declared, by name. `surfaces.metrics.describe` has them all."""
    return sorted(_DECLARED.values(), key=lambda one: one.name)


def render(read: Iterable[Metric] = ()) -> tuple[bytes, str]:
    """All metrics of this process and those just `read`, in Prometheus' text form; its content type."""
    return generate_latest() + generate_latest(_Read(read)), CONTENT_TYPE_LATEST


class _Read(Collector):
    """Metrics that have their values already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _declare(name: str, kind: Kind, labels: Sequence[str], help_: str) -> MetricDescription:
    if name in _DECLARED:
        raise ValueError(f"the metric {name} is declared twice")
    made = _DECLARED[name] = MetricDescription(name, kind, tuple(labels), help_)
    return made


WORK_SECONDS = histogram(
    "callmark_work_seconds",
    "Time to run one row of due work, by kind of work and result.",
    ["work", "result"],
    buckets=(0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30),
)
WORK_RESULTS = ("done", "postponed", "failed")


def begin_work(work: str) -> None:
    """Has all results of a kind of work in the metrics, at 0, before there is one (see `counter`)."""
    for result in WORK_RESULTS:
        WORK_SECONDS.labels(work, result)


GATHERED_ITEMS = histogram(
    "callmark_gathered_items",
    "Items that shared one commit, by gathered statement.",
    ["statement"],
    buckets=(1, 2, 5, 10, 50, 100, 500, 1000, 4000),
)
NATS_RECONNECTS = counter("callmark_nats_reconnects_total", "How often the connection to NATS was lost and came back.")
