"""`callmark serve` with embedded engines: starts, refuses, recovers, stops."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
from collections.abc import Generator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from tests.e2e.serving import (
    ANSWERED_WITHIN_S,
    STOPPED_WITHIN_S,
    Serve,
    fetch,
    run,
    run_here,
    serving,
    start,
    tree,
    until,
    watched,
)
from tests.support.alert_rules import Looks, judge
from tests.support.engines import reachable_directory
from tests.support.metrics_page import Scrape, Series, read_scrape
from tests.support.stopped_processes import suspend


@pytest.fixture(scope="module")
def directory() -> Generator[Path]:
    path = reachable_directory()
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def serve(directory: Path) -> Generator[Serve]:
    """One installation for the tests that leave it running; its option for roles wins over the setting.

    It is stopped as service managers stop it.
    """
    with serving(
        directory,
        name="shared",
        CALLMARK_PROCESSES="2",
        CALLMARK_ADMIN_HOST="127.0.0.2",
        CALLMARK_ROLES="gateway",
    ) as running:
        yield running
        until(running.ready)
        is_stopped(running)


def test_every_process_answers_on_the_shared_port_and_on_its_own(serve: Serve) -> None:
    there = serve.installation
    until(lambda: fetch(there["base_url"] + "/healthz")[0] == 200)
    assert len(there["admin_urls"]) == 3  # two for HTTP, one worker
    for url in there["admin_urls"]:
        assert url.startswith("http://127.0.0.2:")
        for path in ("/healthz", "/readyz", "/metrics"):
            until(lambda page=url + path: fetch(page)[0] == 200)
    pages = [fetch(url + "/metrics")[1].decode() for url in there["admin_urls"]]
    named = [line for page in pages for line in page.splitlines() if line.startswith("callmark_process_info{")]
    assert sorted(named) == [
        'callmark_process_info{process="http-0",roles="api"} 1.0',
        'callmark_process_info{process="http-1",roles="api"} 1.0',
        'callmark_process_info{process="worker-2",roles="worker"} 1.0',
    ]


def test_the_log_has_the_request_id_of_a_client_or_one_of_our_own(serve: Serve) -> None:
    url = serve.installation["base_url"] + "/nowhere"
    for headers in ({"X-Request-Id": "order-4711"}, {}, {"X-Request-Id": "not one\tat all"}):
        with pytest.raises(HTTPError) as refused, urlopen(Request(url, headers=headers)):
            pass
        refused.value.close()
        sent, answered = headers.get("X-Request-Id"), refused.value.headers["x-request-id"]
        assert (answered == sent) is (sent == "order-4711")
        until(lambda answered=answered: any(line.get("request_id") == answered for line in serve.log))
    (line,) = [line for line in serve.log if line.get("request_id") == "order-4711"]
    assert (line["event"], line["method"], line["status"]) == ("request", "GET", 404)
    assert line["process"] in {"http-0", "http-1"}
    assert line["host"] == socket.gethostname()


def test_a_second_start_on_the_same_directory_is_refused(serve: Serve) -> None:
    second = run_here("serve", "--data", serve.data, "--port", "0")
    assert second.returncode == 1
    assert f"process {serve.process.pid}" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    until(serve.ready)


def test_a_port_in_use_is_named(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = run_here("serve", "--data", directory / "never", "--port", str(port))
    assert refused.returncode == 1
    assert f"port {port} " in refused.stderr


@pytest.mark.parametrize("at", [0, 1])
def test_an_admin_port_in_use_is_named_even_where_it_could_be_shared(directory: Path, at: int) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        port = _two_free_ports()
        taken.bind(("127.0.0.1", port))
        taken.listen()
        refused = run_here("serve", "--data", directory / "never", "--port", "0", "--admin-port", str(port - at))
    assert refused.returncode == 1
    assert f"port {port} " in refused.stderr
    assert "--admin-port" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def _two_free_ports() -> int:
    """The upper of two neighbours, below those that systems give out to tests beside this one."""
    for port in range(20_001, 30_000, 2):
        below, itself = ("127.0.0.1", port - 1), ("127.0.0.1", port)
        with contextlib.suppress(OSError), socket.create_server(below), socket.create_server(itself):
            return port
    raise AssertionError("no two free ports")


@pytest.mark.parametrize("at", [0, 1])
def test_an_admin_port_is_never_the_public_one(directory: Path, at: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    refused = run_here("serve", "--data", directory / "never", "--port", str(port), "--admin-port", str(port - at))
    assert refused.returncode == 1
    assert f"port {port} is the public one" in refused.stderr
    assert not (directory / "never/postgres").exists()


def test_admin_ports_that_do_not_exist_are_refused(directory: Path) -> None:
    refused = run_here("serve", "--data", directory / "never", "--port", "0", "--admin-port", "65535")
    assert refused.returncode == 1
    assert "too few ports" in refused.stderr


def test_an_unknown_variable_stops_the_start(directory: Path) -> None:
    refused = run_here("serve", "--data", directory / "never", CALLMARK_PROT="1")
    assert refused.returncode == 1
    assert "CALLMARK_PROT" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_wrong_variable_of_opentelemetry_stops_the_start_before_its_engines(directory: Path) -> None:
    variables = {"CALLMARK_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_SAMPLER_ARG": "1%"}
    data = directory / "without-opentelemetry"
    refused = run("serve", "--data", data, "--port", "0", **variables)
    assert (refused.returncode, refused.stdout) == (1, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith("Error: OTEL_TRACES_SAMPLER_ARG is invalid: it must be a number from 0 to 1; ")
    assert not data.exists()


def test_an_unknown_role_is_refused(directory: Path) -> None:
    assert "unknown role cook" in run_here("serve", "--data", directory / "never", "--roles", "api,cook").stderr


@pytest.mark.parametrize("program", ["bin/postgres", "nats-server", "child http"])
def test_a_killed_part_is_reported_and_comes_back(serve: Serve, program: str) -> None:
    until(serve.ready)
    killed = serve.pid_of(program)
    assert killed
    os.kill(killed, signal.SIGKILL)
    until(lambda: serve.pid_of(program) not in (killed, None))
    until(lambda: any(line["event"] == "unit_back" and line["pid"] == serve.pid_of(program) for line in serve.log))
    until(serve.ready)
    assert any(line["event"] == "unit_ended" and line["how"] == "killed by SIGKILL" for line in serve.log)


def test_a_worker_that_hangs_is_told_of_and_started_again_and_raises_alerts(serve: Serve) -> None:
    until(serve.ready)
    urls: list[str] = serve.installation["admin_urls"]
    before = dict[str, Scrape | None]()

    def is_well() -> bool:  # parts that a test before this one has ended come back in their own time
        before.update({url: scraped(url) for url in urls})
        found = [one for one in before.values() if one]
        told = any(one.all("callmark_queue_rows", "state") for one in found)
        return told and [one.value("callmark_nats_connected") for one in found] == [1] * len(urls)

    until(is_well)
    hanging, held = serve.pid_of("child worker"), dict[str, Scrape | None]()
    assert hanging
    suspend([hanging])
    until(lambda: "does not answer" in serve.readiness().get("worker-2", ""))

    def is_missed() -> bool:
        pid = serve.pid_of("child worker")
        if pid not in (hanging, None):  # the supervisor was quicker than the processes, which read facts every 5 s
            suspend([pid])
        held.update({url: scraped(url) for url in urls[:2]})
        return any(found and found.samples.get(WORKERS) == 0 for found in held.values())

    held[urls[2]] = scraped(urls[2], within_s=2)
    until(is_missed)
    looks = {url: Looks(before[url], held[url]) for url in urls}
    judge(looks, "CallmarkDown", "CallmarkPartNotWorking", "CallmarkNoWorker")
    after = dict[str, Scrape | None]()

    def is_back() -> bool:
        after.update({url: scraped(url) for url in urls})
        return all(after.values()) and any(found and found.samples.get(WORKERS) == 1 for found in after.values())

    until(lambda: serve.pid_of("child worker") not in (hanging, None))
    until(serve.ready)
    assert any(line["event"] == "unit_hangs" and line["pid"] == hanging for line in serve.log)
    until(is_back)
    judge({url: Looks(before[url], after[url]) for url in urls}, "CallmarkRestarts")


WORKERS = Series("callmark_processes", (("kind", "worker"),))


def scraped(admin_url: str, within_s: float = ANSWERED_WITHIN_S) -> Scrape | None:
    """What the process says on its admin port; None when it does not answer."""
    status, body = fetch(f"{admin_url}/metrics", within_s)
    return read_scrape(body.decode()) if status == 200 else None


def is_stopped(serve: Serve) -> None:
    """Asserts that it ends everything; how the five seconds of a stop are shared is the supervisor's to say."""
    with watched(tree(serve.process.pid)) as left:
        serve.process.send_signal(signal.SIGTERM)
        assert serve.process.wait(STOPPED_WITHIN_S) == 0
        assert left(STOPPED_WITHIN_S) == []
        assert not (serve.data / "installation.json").exists()


def test_an_installation_is_killed_lacks_its_secret_key_and_is_left_by_its_supervisor(directory: Path) -> None:
    """One after the other on the same data, because each start takes seconds. No one reads the log of the first."""
    with full_pipe() as log_pipe, serving(directory, name="killed", log_pipe=log_pipe) as serve:
        dsn = serve.installation["postgres_dsn"]
        answers_although_no_one_reads_its_log(serve)
        kill_the_whole_tree(serve)
    key = (directory / "killed/secret-key").rename(directory / "put-aside")
    process = start(directory, "killed")
    recovered = Serve(process, directory / "killed", directory / "killed.errors")
    try:
        says_that_its_secret_key_is_missing(recovered)
        assert recovered.installation["postgres_dsn"] == dsn
        key.rename(directory / "killed/secret-key")
        until(recovered.ready)
        with watched(tree(process.pid)) as left:
            process.kill()  # the supervisor alone: it leaves nothing behind
            assert left(STOPPED_WITHIN_S) == []
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def full_pipe() -> Generator[int]:
    """One that was filled to the last byte, and that no one reads."""
    read, write = os.pipe()
    try:
        size = fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
        os.write(write, b" " * size)
        yield write
    finally:
        os.close(read)
        os.close(write)


def answers_although_no_one_reads_its_log(serve: Serve) -> None:
    """Asserts that the supervisor is at work, too: it is its log line that would have stopped it."""
    base_url = serve.installation["base_url"]
    assert [fetch(f"{base_url}/nowhere")[0] for _ in range(5)] == [404] * 5
    killed = serve.pid_of("child http")
    assert killed
    os.kill(killed, signal.SIGKILL)
    until(lambda: serve.pid_of("child http") not in (killed, None))
    until(serve.ready)


def kill_the_whole_tree(serve: Serve) -> None:
    """`kill -9` of all; commands then find nothing that runs."""
    for pid in tree(serve.process.pid):
        with contextlib.suppress(ProcessLookupError):  # a child may have ended with its parent
            os.kill(pid, signal.SIGKILL)
    serve.process.wait()
    assert "no running installation" in run_here("migrate", "--data", serve.data).stderr


def says_that_its_secret_key_is_missing(serve: Serve) -> None:
    """Asserts that the worker does not run, the rest does, and everything says why."""
    until(lambda: "secret key is missing" in serve.readiness().get("worker-1", ""))
    until(lambda: fetch(serve.installation["base_url"] + "/healthz")[0] == 200)
    why = [line for line in serve.log if line["event"] == "process_cannot_run"]
    assert why
    assert "CALLMARK_SECRET_KEY" in why[-1]["error"]
    assert not any("exception" in line for line in serve.log)
    report = run_here("doctor", "--data", serve.data)
    assert report.returncode == 1
    assert "problem  secret key" in report.stdout
    assert "problem  worker-1: " in report.stdout


def test_operator_commands_reach_the_running_installation(serve: Serve) -> None:
    assert "Nothing to do" in run_here("migrate", "--data", serve.data).stdout
    until(serve.ready)
    report = run_here("doctor", "--data", serve.data)
    assert report.returncode == 0, report.stdout
    assert "problem" not in report.stdout
    assert "version" in report.stdout


def test_a_running_installation_is_backed_up_and_not_restored_over(serve: Serve, directory: Path) -> None:
    backup = run_here("backup", directory / "b.tar", "--data", serve.data, "--json")
    assert backup.returncode == 0, backup.stderr
    assert json.loads(backup.stdout)["secret_key"] == str(serve.data / "secret-key")
    refused = run_here("restore", directory / "b.tar", "--data", serve.data, "--replace", "--yes")
    assert refused.returncode == 1
    assert f"in use by a running Callmark (process {serve.process.pid})" in refused.stderr
    until(serve.ready)


def test_ctrl_c_during_the_start_leaves_nothing_behind(directory: Path) -> None:
    process = start(directory, "hurried")
    until(lambda: len(tree(process.pid)) > 1)  # initdb, or an engine
    with watched(tree(process.pid)) as left:
        process.send_signal(signal.SIGINT)
        assert process.wait(STOPPED_WITHIN_S) == 0
        assert left(STOPPED_WITHIN_S) == []
