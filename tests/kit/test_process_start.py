"""Behaviour: imports leave no work behind, and a package can be imported as if another were not installed."""

import subprocess
import sys

import pytest

from callmark.kit.roles import ALL_ROLES


def _printed(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_what_the_first_imports_made_is_never_looked_at_again_and_what_later_ones_make_is() -> None:
    program = """
import gc
from callmark.kit.process_start import importing
with importing():
    made, off = [[] for _ in range(10_000)], not gc.isenabled()
kept = gc.get_freeze_count()
with importing():
    more = [[] for _ in range(10_000)]
print(off, gc.isenabled(), kept > 10_000, gc.get_freeze_count() <= kept)
"""
    assert _printed(program) == "True True True True"


def test_what_is_hidden_from_one_is_there_for_whoever_imports_it_later() -> None:
    program = """
import sys
from callmark.kit.process_start import import_without
import_without("structlog", "rich")
import structlog.dev
print(structlog.dev.rich, "rich" in sys.modules)
import rich
print(rich.__name__)
"""
    assert _printed(program).splitlines() == ["None False", "rich"]


def test_what_is_imported_already_stays() -> None:
    program = """
import sys, rich
from callmark.kit.process_start import import_without
import_without("structlog", "rich")
print(sys.modules["rich"] is rich, sys.modules["structlog"].dev.rich is rich)
"""
    assert _printed(program) == "True True"


def test_a_command_imports_httpx_without_what_it_paints_with() -> None:
    program = """
import click, sys
from callmark.main import cli
for name in ("doctor", "push"):
    print(cli.get_command(click.Context(cli), name).name, "httpx" in sys.modules, "pygments" in sys.modules)
"""
    assert _printed(program).splitlines() == ["doctor True False", "push True False"]


@pytest.mark.parametrize("kind", ["handsets", ALL_ROLES])
def test_a_process_imports_nothing_that_paints_or_draws_before_it_works(kind: str) -> None:
    """It runs until it finds that nobody sends it settings. One of all roles imports first what the other kinds do."""
    child = [sys.executable, "-X", "importtime", "-m", "callmark.processes.child", kind, "--index", "0"]
    pipes = ["--roles", "api,gateway,console,stir", "--settings-fd", "0", "--ready-fd", "1"]
    done = subprocess.run([*child, *pipes], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}
    assert {"callmark.processes.child_work", "structlog.dev"} <= imported
    heavy = {"rich.console", "rich.pretty", "pygments.plugin", "PIL.Image", "phonenumbers.phonenumberutil"}
    assert not imported & heavy
