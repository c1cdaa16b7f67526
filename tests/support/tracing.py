"""Traces as tests look at them: kept in memory while a block runs."""

from collections.abc import Generator
from contextlib import contextmanager

from msgspec import Struct, field
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

from callmark.kit.telemetry import tracing

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
"""What a client of ours traces by."""


class Traces(Struct):
    """The spans that have ended."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)

    def of(self, trace: str = TRACE) -> dict[str, list[ReadableSpan]]:
        """Those of one trace, by name."""
        found: dict[str, list[ReadableSpan]] = {}
        for span in self.exporter.get_finished_spans():
            if ids_of(span)[0] == trace:
                found.setdefault(span.name, []).append(span)
        return found

    def parent_of(self, span: ReadableSpan) -> str:
        """The name of the span that another is below; empty for one of somewhere else."""
        by_id = {ids_of(one)[1]: one.name for one in self.exporter.get_finished_spans()}
        return by_id.get(f"{span.parent.span_id:016x}", "") if span.parent else ""


def ids_of(span: ReadableSpan) -> tuple[str, str]:
    """The ids of its trace and of itself, as a `traceparent` has them."""
    context = span.get_span_context()
    assert context
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


@contextmanager
def traced(ratio: float = 1) -> Generator[Traces]:
    """That part of the traces of this process is recorded while the block runs."""
    traces, sampler = Traces(), ParentBasedTraceIdRatio(ratio)
    provider = TracerProvider(sampler, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(traces.exporter))
    tracing.use(provider)
    try:
        yield traces
    finally:
        tracing.use(None)
