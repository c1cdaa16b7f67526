"""Fixtures for every test: real engines, a fake product clock, and no way out of this machine."""

import functools
import inspect
import ipaddress
import logging
import os
import shutil
import socket
import sys
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
import structlog
from tests.support.between_tests import LOOP
from tests.support.databases import Databases
from tests.support.engines import TEMPLATE_WITH_DAYS, Engines, RunningEngines, database_in
from tests.support.fake_clock import FakeClock
from tests.support.first_starts import FirstStarts
from tests.support.opened_deps import opened_deps
from xdist.scheduler import LoadScopeScheduling

from callmark.domain.deps import Deps
from callmark.domain.labels import logo
from callmark.domain.sessions import passwords
from callmark.kit.engines.binaries import OLDEST_POSTGRES, postgres_candidates
from callmark.kit.process_start import collect_garbage_rarely, importing

FIRST = "gw0"
"""The worker that imports the tests before the others."""
COMPILED_WITHIN_S = 180.0
"""How long the others wait for that."""
TOGETHER = "tests/testing"
"""Its tests share an emulator that takes longer to start than they take."""
HERE = Path(__file__).parent
LEAN = HERE / "lean"
BUSY = ("domain", "passport", "record_rules", "surfaces/api", "surfaces/console", "surfaces/stir", "tables")
"""They come last: who waits leaves the processors to the tests of pages, which run beside the first ones."""

# How long an example takes tells of the machine's load, not of the code. The same examples in every run of the suite:
# what `make models` finds is written down as a test.
hypothesis.settings.register_profile(
    "callmark",
    deadline=None,
    derandomize=os.environ.get("MODELS") != "deep",
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("callmark")

# As in a terminal, but not with every frame's variables in boxes of Rich: that takes seconds for one exception.
structlog.configure(
    [
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)

# A checker of addresses that no document of ours has, and which takes a second to import; `jsonschema` does without.
_modules: dict[str, Any] = sys.modules
_modules["rfc3987_syntax"] = None

# httpx looks for it at every request to an application in the same process, to learn whether trio runs: through all
# folders of modules, for a quarter of a millisecond. It is not installed.
_modules["sniffio"] = None

# For the processes that tests start: see tests/lean.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(LEAN), os.environ.get("PYTHONPATH"))))

_running = pytest.StashKey[tuple[RunningEngines, Engines]]()


def pytest_report_header() -> str:
    """Which PostgreSQL servers the tests that want every one run against."""
    here = ", ".join(f"{found.major} ({found.origin})" for found in postgres_candidates(None))
    return f"postgresql: {here}; others from {OLDEST_POSTGRES} on are tested too once they are installed"


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """The modules of all tests are imported: by one worker first, or each would compile them."""
    of_worker: dict[str, Any] = getattr(session.config, "workerinput", {"callmark_compiled": os.devnull})
    compiled = Path(of_worker["callmark_compiled"])
    is_first = of_worker.get("workerid") == FIRST
    ends_at = time.monotonic() + COMPILED_WITHIN_S
    while not (is_first or compiled.exists()) and time.monotonic() < ends_at:
        time.sleep(0.1)
    try:
        with importing():
            collected = yield
    finally:  # also where a path that was asked for does not exist: the others wait
        if is_first:
            compiled.touch()
    collect_garbage_rarely()  # as the processes of the product
    return collected


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lets those begin that wait much, and refuses plain functions that use coroutine fixtures.

    These fail when they are the first who want one. The order is random, and a fixture of a module that failed once
    fails for all of its tests.
    """
    items.sort(key=lambda item: _is_busy(item.path))
    for item in items:
        if isinstance(item, pytest.Function) and not _is_coroutine(item.obj):
            for name, defined in vars(item)["_fixtureinfo"].name2fixturedefs.items():
                if any(_is_coroutine(one.func) for one in defined):
                    raise pytest.UsageError(f"{item.nodeid} has to be a coroutine: its fixture {name} is one")


@functools.cache
def _is_busy(path: Path) -> bool:
    """Whether a file's tests use a processor for most of their time, and wait for no other process."""
    return any(path.is_relative_to(HERE / name) for name in BUSY)


def _is_coroutine(function: Any) -> bool:
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    return inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    """A test whose loop ended may have left nothing in it."""
    try:
        done = yield
    finally:
        LOOP.check()
    return done


def pytest_configure_node(node: Any) -> None:
    """In an xdist controller, for each worker: the engines are started once, here."""
    node.workerinput["callmark_engines"] = _started(node.config).as_dict()
    directory = node.config.stash[_running][0].directory
    node.workerinput["callmark_compiled"] = str(directory / "compiled")
    node.workerinput["callmark_first_starts"] = str(directory / "first-starts")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """In an xdist controller, where a module's tests go to the same worker."""
    return _Scopes(config, log) if config.option.dist == "loadscope" else None


class _Scopes(LoadScopeScheduling):
    """Modules, and directories whose tests share what one process starts."""

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER if nodeid.startswith(f"{TOGETHER}/") else super()._split_scope(nodeid)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends the engines that this process started."""
    if _running in config.stash:
        config.stash[_running][0].stop()


def _started(config: pytest.Config) -> Engines:
    if _running not in config.stash:
        running = RunningEngines()
        config.stash[_running] = running, running.start()
    return config.stash[_running][1]


@pytest.fixture(scope="session")
def anyio_backend() -> Generator[tuple[str, dict[str, Any]]]:
    """Coroutine tests run on asyncio, all of a process in one loop."""
    yield "asyncio", {"loop_factory": lambda: LOOP}
    LOOP.end()


@pytest.fixture(scope="session")
def running(request: pytest.FixtureRequest) -> Engines:
    """The engines of this run, with the maintenance database."""
    workerinput: dict[str, Any] | None = getattr(request.config, "workerinput", None)
    return Engines(**workerinput["callmark_engines"]) if workerinput else _started(request.config)


@pytest.fixture(scope="session")
def databases(running: Engines) -> Generator[Databases]:
    """Where a test, or a module whose tests share an installation, gets a database of its own."""
    with Databases(running) as made:
        yield made


@pytest.fixture(scope="session")
def databases_with_days(running: Engines) -> Generator[Databases]:
    """As `databases`, with the days that a worker makes; for a directory or module whose tests prepare the platform.

    It says so with a fixture `databases` that returns this one.
    """
    with Databases(running, TEMPLATE_WITH_DAYS) as made:
        yield made


@pytest.fixture(scope="session")
def first_starts(request: pytest.FixtureRequest) -> FirstStarts:
    """For tests with a PostgreSQL of their own that are not about how it makes its data."""
    workerinput: dict[str, Any] | None = getattr(request.config, "workerinput", None)
    if workerinput:
        return FirstStarts(Path(workerinput["callmark_first_starts"]))
    _started(request.config)
    return FirstStarts(request.config.stash[_running][0].directory / "first-starts")


@pytest.fixture
def engines(databases: Databases) -> Generator[Engines]:
    """A database that only this test uses, and NATS, whose subjects begin with the installation id in that database."""
    taken = databases.take()
    yield taken
    databases.give_back(taken)


@pytest.fixture
def clock() -> FakeClock:
    """The product clock of this test; it stands still until the test moves it."""
    return FakeClock()


@pytest.fixture
def deps_data(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """The directory that `deps` names, of this test alone. What needs it makes it: most tests write no file."""
    folder = tmp_path_factory.getbasetemp() / database_in(engines.dsn)
    yield folder
    if folder.exists():
        shutil.rmtree(folder)


@pytest.fixture
async def deps(engines: Engines, clock: FakeClock, deps_data: Path) -> AsyncGenerator[Deps]:
    """What use cases get, on this test's database; the product clock is `clock`, the real one is real."""
    async with opened_deps(engines, clock, deps_data) as opened:
        yield opened


@pytest.fixture(scope="session", autouse=True)
def _nats_may_be_slow() -> Generator[None]:
    """Who attaches or listens has two seconds: less than NATS may take on a machine that runs all tests at once."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("callmark.kit.fastpath.nats_client.ROUND_TRIP_WITHIN_S", 20)
        yield


@pytest.fixture
def unhurried_pushes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real-time pushes to an application in this process take as long as they need, and not three seconds in all."""
    monkeypatch.setattr("callmark.surfaces.api.routes.REAL_TIME_S", 60)


@pytest.fixture(scope="session", autouse=True)
def _logos_judged_once() -> Generator[None]:
    """Nearly every test has a label, with the same logo. Tests of the judgement imported the function before this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logo, "clean_logo", functools.lru_cache(logo.clean_logo))
        yield


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Generator[None]:
    """Hashes of little memory; what the product's cost is, `tests/domain/sessions/test_passwords.py` says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_MEMORY_KIB", 64)
        patch.setattr(passwords, "_ITERATIONS", 1)
        yield


@pytest.fixture(scope="session", autouse=True)
def _cookies_looked_for_where_some_came() -> Generator[None]:
    """httpx makes a message and a request of the standard library of every answer, to look for cookies in them."""
    look = httpx.Cookies.extract_cookies

    def look_where_some_came(jar: httpx.Cookies, answer: httpx.Response) -> None:
        if "set-cookie" in answer.headers:
            look(jar, answer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.Cookies, "extract_cookies", look_where_some_came)
        yield


@pytest.fixture(scope="session", autouse=True)
def _loggers_keep_no_configuration() -> Generator[None]:
    """A logger first used while a test has its own logs would write to these in all later tests."""
    configure = structlog.configure

    def configure_uncached(*args: Any, **options: Any) -> None:
        configure(*args, **options | {"cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", configure_uncached)
        yield


@pytest.fixture(autouse=True)
def _usual_logs() -> Generator[None]:
    """What a test sets up, a command run in its process too, ends with it."""
    usual, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**usual)
    root.handlers[:] = handlers
    root.setLevel(level)


def _only_this_machine(event: str, args: tuple[Any, ...]) -> None:
    """Audit hook: an outgoing connection to anywhere but this machine is an error in a test."""
    if event != "socket.connect":
        return
    sock, address = args
    if sock.family == socket.AF_UNIX:
        return
    if not ipaddress.ip_address(address[0]).is_loopback:
        raise AssertionError(f"a test tried to connect to {address[0]}")


@pytest.fixture(scope="session", autouse=True)
def no_way_out() -> None:
    """Outgoing connections reach this machine only."""
    sys.addaudithook(_only_this_machine)
