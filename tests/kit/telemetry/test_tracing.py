"""Spans reach a collector; one that is away holds nothing up; what is needed and missing is named."""

import asyncio
import io
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec
import pytest
import structlog
from aiohttp import web
from msgspec import Struct, field
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.aiohttp_server import served_here
from tests.support.tracing import TRACE, TRACEPARENT, traced

from callmark.kit.errors import SetupError
from callmark.kit.settings import read_settings
from callmark.kit.telemetry import logs, tracing
from callmark.kit.telemetry.tracing import SpanKind


class Collector(Struct):
    """Takes spans by OTLP over HTTP."""

    url: str = ""
    resource: dict[str, str] = field(default_factory=dict[str, str])
    names: list[str] = field(default_factory=list[str])

    async def take(self, request: web.Request) -> web.Response:
        sent = ExportTraceServiceRequest.FromString(await request.read())
        for one in sent.resource_spans:
            self.resource |= {item.key: item.value.string_value for item in one.resource.attributes}
            self.names += [span.name for scope in one.scope_spans for span in scope.spans]
        return web.Response()


@asynccontextmanager
async def collector() -> AsyncGenerator[Collector]:
    made = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", made.take)
    async with served_here(app) as made.url:
        yield made


async def test_spans_come_to_the_collector_of_the_settings_by_the_end_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracing, "FLUSH_WITHIN_S", 30)
    monkeypatch.setattr(tracing, "_EXPORT_WITHIN_S", 30)
    async with collector() as there:
        settings = read_settings({"CALLMARK_OTLP_ENDPOINT": f"{there.url}/"})
        async with tracing.traced_process(settings, "worker"):
            with tracing.span("outer"), tracing.span("inner", SpanKind.CLIENT, receiver="9199…17"):
                pass
        assert not tracing.is_on()
        assert sorted(there.names) == ["inner", "outer"]
        assert (there.resource["service.name"], there.resource["callmark.process"]) == ("callmark", "worker")


@pytest.mark.parametrize(
    ("sampler", "share", "recorded"),
    [
        ("traceidratio", "1", {"sampled", "begun here", "follows"}),
        ("traceidratio", "0", {"follows"}),
        ("always_on", "", {"sampled", "begun here", "follows"}),
        ("always_off", "", set[str]()),
        ("parentbased_traceidratio", "0", {"follows"}),
    ],
)
async def test_a_client_chooses_under_no_sampler_and_what_follows_is_traced_as_its_cause(
    monkeypatch: pytest.MonkeyPatch, sampler: str, share: str, recorded: set[str]
) -> None:
    monkeypatch.setattr(tracing, "FLUSH_WITHIN_S", 30)
    monkeypatch.setattr(tracing, "_EXPORT_WITHIN_S", 30)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", share)
    passes_every_ratio = f"00-{1 << 64:032x}-00f067aa0ba902b7-"
    passes_no_ratio = f"00-{'f' * 32}-00f067aa0ba902b7-01"
    async with collector() as there:
        async with tracing.traced_process(read_settings({"CALLMARK_OTLP_ENDPOINT": there.url}), "worker"):
            for name, parent in [
                ("sampled", tracing.from_client(f"{passes_every_ratio}01")),
                ("not sampled", tracing.from_client(f"{passes_every_ratio}00")),
                ("begun here", None),
                ("follows", passes_no_ratio),
            ]:
                with tracing.span(name, parent=parent):
                    pass
        assert set(there.names) == recorded


async def test_a_collector_that_is_away_holds_up_neither_work_nor_the_end() -> None:
    async with collector() as there:
        gone = there.url
    async with asyncio.timeout(tracing.FLUSH_WITHIN_S + 30):
        async with tracing.traced_process(read_settings({"CALLMARK_OTLP_ENDPOINT": gone}), "worker"):
            with tracing.span("lost"):
                pass
    for sending in [thread for thread in threading.enumerate() if "Otel" in thread.name]:
        await asyncio.to_thread(sending.join, 30)
        assert not sending.is_alive()


async def test_without_an_address_nothing_is_traced() -> None:
    async with tracing.traced_process(read_settings({}), "worker"):
        assert not tracing.is_on()
        with tracing.span("nothing", parent=TRACEPARENT) as span:
            assert span.traceparent is None
            assert tracing.current() is None


@pytest.mark.parametrize("wrong", ["localhost:4318", "ftp://localhost", "http://u:p@localhost", "http://localhost:0"])
def test_an_address_that_is_none_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(SetupError, match="CALLMARK_OTLP_ENDPOINT is invalid"):
        read_settings({"CALLMARK_OTLP_ENDPOINT": wrong})


def test_missing_packages_are_named() -> None:
    program = """
import asyncio, sys
sys.modules["opentelemetry.sdk.trace"] = None
from callmark.kit.errors import SetupError
from callmark.kit.settings import read_settings
from callmark.kit.telemetry.tracing import traced_process
async def run():
    async with traced_process(read_settings({"CALLMARK_OTLP_ENDPOINT": "http://localhost:4318"}), "worker"):
        pass
try:
    asyncio.run(run())
except SetupError as exc:
    print(exc.message)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'callmark[server,tracing]'" in done.stdout


def test_what_is_not_on_imports_nothing_of_opentelemetry() -> None:
    program = (
        "import sys, callmark.surfaces.app, callmark.processes.worker;"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_lines_of_the_log_have_the_trace() -> None:
    out = io.StringIO()
    with traced(), tracing.span("request", parent=TRACEPARENT):
        assert structlog.contextvars.get_contextvars()["trace_id"] == TRACE
        logs.set_up("info", stream=out)
        structlog.get_logger("test").info("pushed")
    assert msgspec.json.decode(out.getvalue())["trace_id"] == TRACE
    assert "trace_id" not in structlog.contextvars.get_contextvars()


def test_what_fails_is_marked_without_its_words() -> None:
    with traced() as traces, pytest.raises(ValueError, match="alice"), tracing.span("work", parent=TRACEPARENT):
        raise ValueError("alice at 919900000017")
    (span,) = traces.of()["work"]
    assert (span.status.is_ok, span.status.description, span.events) == (False, "ValueError", ())


def test_what_follows_is_traced_only_where_its_cause_was() -> None:
    with traced() as traces:
        with tracing.following(None, "push batch") as nothing:
            assert nothing.traceparent is None
        with tracing.following(TRACEPARENT, "push batch") as something:
            assert something.traceparent
    assert list(traces.of()) == ["push batch"]
