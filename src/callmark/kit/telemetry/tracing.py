"""Traces by OpenTelemetry: one trace from a request to the handset and the webhook (docs/tracing.md).

Off, unless `CALLMARK_OTLP_ENDPOINT` is set: then nothing of OpenTelemetry is imported, `span` is one comparison, and no
row or frame carries anything. A trace continues in another process by its `traceparent` (W3C Trace Context): in a
header, in a row, in the frame for the handset.
"""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from enum import Enum
from threading import Thread
from typing import TYPE_CHECKING

import structlog

from callmark.kit.errors import SetupError
from callmark.kit.settings import Settings
from callmark.kit.telemetry import otel_variables

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

HEADER = "traceparent"
INSTALL = "pip install 'callmark[server,tracing]'"
"""What brings the packages that traces need."""

FLUSH_WITHIN_S = 1.0
"""How long what is left may take to be sent when the process ends: it has five seconds in all."""

_EXPORT_WITHIN_S = 3
_traceparent = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32}-[0-9a-f]{16})-([0-9a-f]{2})(-.*)?").fullmatch

Value = str | int | float | bool


class NotInstalledError(SetupError):
    """The packages that traces need are missing."""


class SpanKind(Enum):
    """What a span is to its neighbours; the names are OpenTelemetry's."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"


class TracedSpan:
    """A span that is open, or (None) what stands in its place where nothing is traced."""

    __slots__ = ("_span",)

    def __init__(self, span: "Span | None") -> None:
        self._span = span

    @property
    def is_open(self) -> bool:
        """Whether something is traced."""
        return self._span is not None

    @property
    def traceparent(self) -> str | None:
        """What carries the trace on; None when nothing is recorded."""
        return _traceparent_of(self._span) if self._span else None

    def note(self, name: str, value: Value) -> None:
        """Adds an attribute."""
        if self._span:
            self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        """Gives the span the name that is known only now."""
        if self._span:
            self._span.update_name(name)

    def fail(self, why: str) -> None:
        """Marks the span as failed."""
        if self._span:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_status(Status(StatusCode.ERROR, why))

    def end(self) -> None:
        """Ends a span that `begin` made."""
        if self._span:
            self._span.end()


_NOTHING = TracedSpan(None)
NO_SPAN: AbstractContextManager[TracedSpan] = nullcontext(_NOTHING)
"""For what is not traced."""

_tracer: "Tracer | None" = None
_chooser: "TracerProvider | None" = None
"""Says which traces are recorded."""


def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, *, parent: str | None = None, **facts: Value
) -> AbstractContextManager[TracedSpan]:
    """A span around a block, and its trace's id in the block's log lines.

    Below `parent` (a `traceparent`), else below the span that is open here, else the first of its trace. `facts` become
    attributes `callmark.…`.
    """
    return _open(_tracer, name, kind, parent, facts) if _tracer else NO_SPAN


def following(
    parent: str | None, name: str, kind: SpanKind = SpanKind.INTERNAL, **facts: Value
) -> AbstractContextManager[TracedSpan]:
    """As `span`, for what is traced only where its cause was: nothing without a `parent`."""
    return _open(_tracer, name, kind, parent, facts) if _tracer and parent else NO_SPAN


def begin(name: str, kind: SpanKind, *, parent: str | None, **facts: Value) -> TracedSpan:
    """A span that `end` ends, for what is no block of code; nothing without a `parent`."""
    return TracedSpan(_started(_tracer, name, kind, parent, facts)) if _tracer and parent else _NOTHING


def is_on() -> bool:
    """Whether this process traces."""
    return _tracer is not None


def current() -> str | None:
    """The `traceparent` of the span that is open here, to be stored or sent; None when nothing is recorded."""
    if _tracer is None:
        return None
    from opentelemetry.trace import get_current_span

    return _traceparent_of(get_current_span())


def proper(text: str | None) -> str | None:
    """A `traceparent` that someone sent, None for anything else.

    One of a later version is read as far as it is known, as the specification wants it.
    """
    found = _traceparent(text) if text else None
    if not text or not found or found[1] == "ff":
        return None
    if found[1] == "00":
        return None if found[4] else text
    return f"00-{found[2]}-{int(found[3], 16) & 1:02x}"


def from_client(text: str | None) -> str | None:
    """As `proper`, for whom we do not know: it is recorded only if a trace that begins here would be.

    Its trace keeps its id. That a client does not want to be recorded holds.
    """
    parent = proper(text)
    if _chooser is None or parent is None or not int(parent[-2:], 16) & 1:
        return parent
    from opentelemetry.context import Context

    # With an id of our own: by its own, a client could choose one that every ratio lets through.
    chosen = _chooser.sampler.should_sample(Context(), _chooser.id_generator.generate_trace_id(), "")
    return parent if chosen.decision.is_sampled() else f"{parent[:-2]}00"


@asynccontextmanager
async def traced_process(settings: Settings, process: str) -> AsyncGenerator[None]:
    """Traces while the block runs, where the settings say so; what is left at its end is sent, for at most a moment.

    Raises SetupError as `check`.
    """
    if not settings.otlp_endpoint or is_disabled():
        yield
        return
    exporter, provider = _built(settings.otlp_endpoint, process)
    use(provider)
    try:
        yield
    finally:
        use(None)
        last = Thread(target=provider.shutdown, daemon=True)  # it stops for no time limit, nor when the process ends
        last.start()
        await asyncio.to_thread(last.join, FLUSH_WITHIN_S)
        if last.is_alive():
            exporter.shutdown()  # or its threads would try again without end


def check_variables(settings: Settings) -> None:
    """Raises SetupError for variables of OpenTelemetry that are wrong, where they count; needs no packages."""
    if settings.otlp_endpoint and not is_disabled():
        otel_variables.check(os.environ)


def check(endpoint: str) -> None:
    """Raises SetupError without the packages that traces need, and for variables of OpenTelemetry that are wrong."""
    if not is_disabled():
        _built(endpoint, "check")[1].shutdown()


def is_disabled() -> bool:
    """Whether OpenTelemetry's own variable says that nothing is traced."""
    return otel_variables.is_disabled(os.environ)


def use(provider: "TracerProvider | None") -> None:
    """Traces with this provider from now on, or (None) no longer."""
    global _tracer, _chooser  # noqa: PLW0603 - as for metrics and logs, there is one of a process
    _chooser = provider
    _tracer = provider.get_tracer("callmark") if provider else None


def _built(endpoint: str, process: str) -> "tuple[SpanExporter, TracerProvider]":
    otel_variables.check(os.environ)  # first: the packages read some of them when they are imported
    try:
        exporter = _exporter(endpoint)
        return exporter, _provider(exporter, process)
    except (ImportError, OSError, RuntimeError, ValueError) as exc:
        raise SetupError(f"a variable of OpenTelemetry (OTEL_…) cannot be used: {exc}") from exc


def _exporter(endpoint: str) -> "SpanExporter":
    """Sends spans to a collector that may be away."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as exc:
        raise _not_installed() from exc
    return OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=_EXPORT_WITHIN_S)


def _provider(exporter: "SpanExporter", process: str) -> "TracerProvider":
    """Hands on spans in the background. `OTEL_TRACES_SAMPLER` chooses which traces are recorded, where they begin.

    One that decides at each span would decide by the id of its trace, which a client chooses.
    """
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, TraceIdRatioBased
    except ImportError as exc:
        raise _not_installed() from exc
    resource = Resource.create({"service.name": otel_variables.service_name(os.environ), "callmark.process": process})
    name, share = otel_variables.sampler(os.environ)
    first = ALWAYS_OFF if name.endswith("off") else ALWAYS_ON if name.endswith("on") else TraceIdRatioBased(share)
    chosen = first if name == "always_off" else ParentBased(first)
    provider = TracerProvider(chosen, resource=resource, shutdown_on_exit=False)
    queue, batch, delay_ms = otel_variables.batching(os.environ)
    provider.add_span_processor(
        BatchSpanProcessor(exporter, max_queue_size=queue, max_export_batch_size=batch, schedule_delay_millis=delay_ms)
    )
    return provider


def _not_installed() -> SetupError:
    return NotInstalledError(f"CALLMARK_OTLP_ENDPOINT is set, but the packages for traces are not installed: {INSTALL}")


@contextmanager
def _open(
    tracer: "Tracer", name: str, kind: SpanKind, parent: str | None, facts: dict[str, Value]
) -> Generator[TracedSpan]:
    from opentelemetry.trace import use_span

    inner = _started(tracer, name, kind, parent, facts)
    opened, context = TracedSpan(inner), inner.get_span_context()
    with (
        use_span(inner, end_on_exit=True, record_exception=False, set_status_on_exception=False),
        structlog.contextvars.bound_contextvars(trace_id=f"{context.trace_id:032x}"),
    ):
        try:
            yield opened
        except Exception as exc:
            opened.fail(type(exc).__name__)  # not its text, which may name people
            raise


def _started(tracer: "Tracer", name: str, kind: SpanKind, parent: str | None, facts: dict[str, Value]) -> "Span":
    from opentelemetry.trace import SpanKind as OtelKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = TraceContextTextMapPropagator().extract({HEADER: parent}) if parent else None
    attributes = {f"callmark.{key}": value for key, value in facts.items()}
    return tracer.start_span(name, context=context, kind=OtelKind[kind.value], attributes=attributes)


def _traceparent_of(span: "Span") -> str | None:
    context = span.get_span_context()
    if not (context.is_valid and context.trace_flags.sampled):
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
