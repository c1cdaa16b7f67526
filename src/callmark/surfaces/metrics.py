"""What `/metrics` answers, and the reference of every metric in it."""

from importlib import import_module

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR

from callmark.domain.background.fleet_metrics import FleetMetrics
from callmark.domain.deps import Deps
from callmark.kit.telemetry.metrics import Kind, MetricDescription, declared, render
from callmark.kit.telemetry.process_metrics import read_process

_DECLARING = (
    "callmark.domain.mail.jobs",
    "callmark.domain.personalisation.metrics",
    "callmark.domain.signed_calls.metrics",
    "callmark.domain.spoof_alarms.service",
    "callmark.domain.webhooks.dispatch.metrics",
    "callmark.kit.fastpath.http_protocol",
    "callmark.surfaces.gateway.metrics",
    "callmark.surfaces.observed",
)
"""Modules that declare metrics and that nothing here imports."""


class MetricsPage:
    """The page of one process."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._fleet = FleetMetrics(deps)

    async def render(self) -> tuple[bytes, str]:
        """The page and its content type, as of now."""
        deps = self._deps
        fleet = await self._fleet.read()
        return render([*read_process(deps.settings, deps.db, deps.fabric, deps.health), *fleet])


def describe() -> list[MetricDescription]:
    """Every metric of Callmark, by name, and what the Python client adds about a process."""
    for module in _DECLARING:
        import_module(module)
    return [*declared(), *_of_python()]


def _of_python() -> list[MetricDescription]:
    """Memory, processor time and open files, as the Prometheus client reads them from the kernel, and Python itself."""
    collectors = PROCESS_COLLECTOR, GC_COLLECTOR, PLATFORM_COLLECTOR
    found = [
        MetricDescription(
            f"{one.name}_total" if one.type == "counter" else one.name,
            _kind(one.type),
            tuple(one.samples[0].labels),
            f"{one.documentation.rstrip('.')}.",
        )
        for collector in collectors
        for one in collector.collect()
    ]
    return sorted(found, key=lambda one: one.name)


def _kind(text: str) -> Kind:
    return "counter" if text == "counter" else "gauge"
