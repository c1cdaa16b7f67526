"""Projects of integrators, run by pytest as they run them: the programs of docs/testing.md as they are printed."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec import Struct

import callmark
from callmark.testing import Emulator, EmulatorError

PAGE = (Path(__file__).parents[2] / "docs/testing.md").read_text()
EXAMPLE = Path(__file__).parents[2] / "examples/tested_project"
SOURCES = Path(callmark.__file__).parents[1]
"""Of the package that is tested here, whichever is installed."""
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
DIALER = next(one for one in PROGRAMS if "def prepare(" in one)
CONFTEST = next(one for one in PROGRAMS if "def my_receiver(" in one)
TESTS = {f"test_guide_{i}": one for i, one in enumerate(PROGRAMS) if "def test_" in one}
"""Each in a file of its own: it imports what it uses."""
SPECIFIED = """
def test_we_call_back_as_the_readme_says(callmark_emulator, my_receiver):
    my_receiver.secret = callmark_emulator.webhook(my_receiver.url).secret
    phone = callmark_emulator.handset()
    phone.ring(callmark_emulator.number, outcome="missed")
    phone.call_me_back()
    callmark_emulator.clock.advance(minutes=2)
    callmark_emulator.wait_idle()
    assert len(my_receiver.events) == 1
"""
LEAVES = """
def test_leaves_things_behind(callmark_emulator):
    callmark_emulator.webhook(callmark_emulator.sink("left"))
    callmark_emulator.fail(status=503, count=99)
    callmark_emulator.clock.advance(hours=5)
"""
FINDS = """
def test_finds_nothing(callmark_emulator, callmark_client):
    assert callmark_emulator.webhook(callmark_emulator.sink("left")).name == "Test 1"
    assert [one.name for one in callmark_client.labels.list()]
"""
KEEPS_A_CHILD = """
import multiprocessing

POOL = None

def test_starts_a_process_that_stays(callmark_emulator):
    global POOL
    POOL = multiprocessing.get_context("fork").Pool(1)
    assert POOL.apply(abs, [-1]) == 1

def test_has_its_turn(callmark_emulator):
    assert callmark_emulator.mails() == []
    POOL.terminate()
"""
NO_CALLMARK = """
import sys

def test_arithmetic():
    assert 1 + 1 == 2
    loaded = {name for name in sys.modules if name.startswith(("callmark", "httpx", "msgspec", "respx"))}
    assert loaded <= {"callmark", "callmark.testing", "callmark.testing.plugin"}
"""


class Project(Struct):
    """A project outside of ours, with its own settings of pytest."""

    directory: Path

    def run(self, *options: str, environ: Mapping[str, str] | None = None, **files: str) -> str:
        """What pytest prints of tests in these files; they must pass."""
        (self.directory / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
        for name, text in files.items():
            (self.directory / f"{name}.py").write_text(text)
        return run_pytest(self.directory, *options, environ=environ)


def run_pytest(directory: Path, *options: str, environ: Mapping[str, str] | None = None) -> str:
    """What pytest prints of a directory's tests; they must pass."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CALLMARK_"))}
    # Plugins of our own environment, which an integrator need not have.
    plugins = [f"-pno:{name}" for name in ("randomly", "schemathesis", "typeguard", "hypothesispytest", "respx")]
    paths = os.pathsep.join([str(directory), str(SOURCES)])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, *options],
        cwd=directory,
        env=ours | {"PYTHONPATH": paths} | dict(environ or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def running(callmark_shared_emulator: Emulator, tmp_path: Path) -> Mapping[str, str]:
    """The variables that make a project use the emulator of these tests."""
    credentials = tmp_path / "credentials.json"
    callmark_shared_emulator.save_credentials(credentials)
    assert credentials.stat().st_mode & 0o777 == 0o600
    return {
        "CALLMARK_EMULATOR_URL": callmark_shared_emulator.base_url,
        "CALLMARK_EMULATOR_CREDENTIALS": str(credentials),
    }


def test_the_programs_of_the_guide_and_others_in_two_workers_that_share_an_emulator(
    project: Project, running: Mapping[str, str]
) -> None:
    """A test finds nothing of those before.

    A process that one forked shares what it has open, so also the lock that gives each test its turn: it keeps neither
    the next test out nor the other worker.
    """
    others = {"test_specified": SPECIFIED, "test_left": f"{LEAVES}\n{FINDS}", "test_child": KEEPS_A_CHILD}
    files = {"conftest": CONFTEST, "my_dialer": DIALER, **others, **TESTS}
    printed = project.run("-n", "2", "--dist", "loadfile", environ=running, **files)
    assert f"{len(TESTS) + 5} passed" in printed


def test_the_project_of_the_examples(running: Mapping[str, str]) -> None:
    assert "6 passed" in run_pytest(EXAMPLE, "-pno:cacheprovider", environ=running)


def test_a_project_without_such_tests_pays_nothing(project: Project) -> None:
    assert "1 passed" in project.run(test_c=NO_CALLMARK)


def test_the_plugin_can_be_left_out(project: Project) -> None:
    offered = project.run("-p", "no:callmark", "--fixtures", test_d=NO_CALLMARK)
    assert re.search("^tmp_path ", offered, re.MULTILINE), "those of pytest"
    assert "callmark_emulator" not in offered, "which the tests above find with it"


def test_credentials_that_are_missing_are_named(running: Mapping[str, str], tmp_path: Path) -> None:
    with pytest.raises(EmulatorError, match="set CALLMARK_EMULATOR_CREDENTIALS"):
        Emulator.connect(running["CALLMARK_EMULATOR_URL"], tmp_path / "none.json")
    (tmp_path / "damaged.json").write_bytes(b'{"base_url": "\xff"}')
    with pytest.raises(EmulatorError, match="is not a credentials file"):
        Emulator.connect(running["CALLMARK_EMULATOR_URL"], tmp_path / "damaged.json")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://emulator..example", "http://[::1"])
def test_another_server_is_no_emulator(running: Mapping[str, str], url: str) -> None:
    with pytest.raises(EmulatorError, match="does not answer"):
        Emulator.connect(url, Path(running["CALLMARK_EMULATOR_CREDENTIALS"]))
