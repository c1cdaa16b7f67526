"""The units as systemd itself judges them, and the settings that they give."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tools.sources import ROOT

from callmark.kit.roles import ROLES
from callmark.kit.settings import read_settings

FOLDER = ROOT / "deploy/systemd"
UNITS = ["callmark.service", *(f"callmark@{role}.service" for role in sorted(ROLES))]
_ANALYZE = shutil.which("systemd-analyze") or "systemd-analyze"
MOST_EXPOSED = 20
"""Tenths of systemd's scale from 0 to 10; a unit without hardening has 96."""


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units with a program that is there."""
    folder = tmp_path_factory.mktemp("units")
    for unit in FOLDER.glob("*.service"):
        program = str(Path(sys.executable).with_name("callmark"))
        (folder / unit.name).write_text(unit.read_text().replace("/opt/callmark/bin/callmark", program))
    return folder


def analyze(*args: str | Path) -> str:
    done = subprocess.run([_ANALYZE, *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


def test_systemd_has_nothing_to_say_against_the_units(units: Path) -> None:
    assert analyze("verify", *(units / unit for unit in UNITS)) == ""


@pytest.mark.parametrize("unit", ["callmark.service", "callmark@.service"])
def test_a_unit_may_do_no_more_than_it_needs(units: Path, unit: str) -> None:
    analyze("security", "--offline=yes", f"--threshold={MOST_EXPOSED}", units / unit)


def test_both_units_differ_in_what_they_run_alone() -> None:
    one, role = ((FOLDER / name).read_text() for name in ("callmark.service", "callmark@.service"))
    hardening = one[one.index("UMask=") :]
    assert "SystemCallFilter=" in hardening
    assert role.endswith(hardening)
    for line in ("Type=notify", "KillMode=mixed", "TimeoutStopSec=15", "WatchdogSec=60", "OOMPolicy=continue"):
        assert f"\n{line}\n" in one
        assert f"\n{line}\n" in role


@pytest.mark.parametrize("role", ["", *sorted(ROLES)])
def test_the_sample_files_and_the_units_name_settings_that_exist(role: str, tmp_path: Path) -> None:
    unit = (FOLDER / ("callmark@.service" if role else "callmark.service")).read_text()
    lines = [line.partition("=")[2] for line in unit.splitlines() if line.startswith("Environment=")]
    for file in ("callmark.env", f"{role}.env") if role else ("callmark.env",):
        # What is commented out is an offer: it has to be right too.
        text = (FOLDER / file).read_text().replace("#CALLMARK_", "CALLMARK_")
        lines += [part for line in text.splitlines() for part in shlex.split(line, comments=True)]
    for secret, value in SECRETS.items():
        (tmp_path / secret).write_text(value)
    environ = dict(line.replace("%d/", f"{tmp_path}/").split("=", 1) for line in lines)
    settings = read_settings(environ, smtp_password="made-up")
    assert settings.trusted_proxies == "127.0.0.1"
    assert settings.admin_port > 8700
    assert (settings.postgres_dsn is not None) == bool(role)


SECRETS = {
    "secret-key": "made-up-" * 4,
    "postgres-dsn": "postgresql://callmark:made-up@db/callmark",
    "nats-url": "nats://callmark:made-up@nats:4222",
}


def test_roles_on_one_machine_have_ports_of_their_own() -> None:
    files = [FOLDER / f"{role}.env" for role in ROLES]
    ports = [line for file in files for line in file.read_text().splitlines() if "PORT=" in line]
    numbers = [line.partition("=")[2] for line in ports]
    assert len(numbers) == 9  # the worker has no public one
    assert len(set(numbers)) == len(numbers)
