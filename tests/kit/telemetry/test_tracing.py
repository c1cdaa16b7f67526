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


@pytest.mark.parametrize(
    ("variables", "path", "name"),
    [
        ({}, "/", "callmark"),
        ({"OTEL_SERVICE_NAME": "", "OTEL_TRACES_SAMPLER": "", "OTEL_SPAN_LINK_COUNT_LIMIT": ""}, "", "callmark"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=x, service.name=our%20ids"}, "/v1/traces", "our ids"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=x", "OTEL_SERVICE_NAME": "ids"}, "/v1/traces/", "ids"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_EXPORTER_OTLP_HEADERS": "key=a%20b=, other=c d"}, "", "callmark"),
    ],
)
async def test_spans_come_to_the_collector_of_the_settings_by_the_end_of_the_process(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], path: str, name: str
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(tracing, "FLUSH_WITHIN_S", 30)
    monkeypatch.setattr(tracing, "_EXPORT_WITHIN_S", 30)
    async with collector() as there:
        settings = read_settings({"CALLMARK_OTLP_ENDPOINT": f"{there.url}{path}"})
        async with tracing.traced_process(settings, "worker"):
            with tracing.span("outer"), tracing.span("inner", SpanKind.CLIENT, receiver="9199…17"):
                pass
        assert not tracing.is_on()
        assert sorted(there.names) == ["inner", "outer"]
        assert (there.resource["service.name"], there.resource["callmark.process"]) == (name, "worker")


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


WRONG: list[tuple[dict[str, str], str]] = [
    ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1%"}, "OTEL_TRACES_SAMPLER_ARG is invalid"),
    ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "7"}, "must be a number from 0 to 1"),
    ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "nan"}, "must be a number from 0 to 1"),
    ({"OTEL_TRACES_SAMPLER_ARG": "0.01"}, "but not OTEL_TRACES_SAMPLER: everything would be traced"),
    ({"OTEL_TRACES_SAMPLER": "some"}, "OTEL_TRACES_SAMPLER is invalid: it must be one of always_on,"),
    ({"OTEL_BSP_MAX_QUEUE_SIZE": "many"}, "OTEL_BSP_MAX_QUEUE_SIZE is invalid: it must be a whole number from 1"),
    ({"OTEL_BSP_MAX_QUEUE_SIZE": "9", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10"}, "OTEL_BSP_MAX_QUEUE_SIZE, which is 9"),
    ({"OTEL_BSP_SCHEDULE_DELAY": "0"}, "OTEL_BSP_SCHEDULE_DELAY is invalid"),
    ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "-1"}, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT is invalid"),
    ({"OTEL_EXPORTER_OTLP_HEADERS": "Bearer secret"}, "OTEL_EXPORTER_OTLP_HEADERS is invalid: it must be name=value"),
    ({"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "zip"}, "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION is invalid"),
    ({"OTEL_EXPORTER_OTLP_CERTIFICATE": "/none.pem"}, "OTEL_EXPORTER_OTLP_CERTIFICATE is invalid: it must be a file"),
    ({"OTEL_RESOURCE_ATTRIBUTES": "prod"}, "OTEL_RESOURCE_ATTRIBUTES is invalid"),
    ({"OTEL_SDK_DISABLED": "yes"}, "OTEL_SDK_DISABLED is invalid: it must be true or false"),
    ({"OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "x"}, "a variable of OpenTelemetry (OTEL_…) cannot be"),
    ({"OTEL_SDK_DISABLED": "1", "OTEL_BSP_EXPORT_TIMEOUT": "3s"}, "false; OTEL_BSP_EXPORT_TIMEOUT is invalid"),
]


@pytest.mark.parametrize(("variables", "said"), WRONG)
async def test_a_variable_that_is_wrong_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(SetupError) as refused:
        async with tracing.traced_process(read_settings({"CALLMARK_OTLP_ENDPOINT": "http://127.0.0.1:1"}), "worker"):
            pass
    assert said in refused.value.message
    assert "\n" not in refused.value.message
    assert "secret" not in refused.value.message


async def test_what_opentelemetry_itself_switches_off_is_not_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "True")
    async with tracing.traced_process(read_settings({"CALLMARK_OTLP_ENDPOINT": "http://127.0.0.1:1"}), "worker"):
        assert not tracing.is_on()


def test_a_traceparent_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    rest = TRACEPARENT[3:-2]
    assert tracing.proper(f"01-{rest}03-more") == tracing.proper(f"cc-{rest}01") == TRACEPARENT
    assert tracing.proper(f"cc-{rest}02") == f"00-{rest}00"
    assert [tracing.proper(one) for one in (f"ff-{rest}01", f"{TRACEPARENT}-more", f"01-{rest}01more")] == [None] * 3


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
