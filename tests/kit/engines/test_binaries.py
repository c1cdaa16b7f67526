"""Which installation of PostgreSQL is taken, and which are asked for their versions."""

from pathlib import Path

import pytest

from callmark.kit.engines import binaries
from callmark.kit.errors import SetupError


def installation(bin_dir: Path, version: str) -> Path:
    """Programs that say that they have that version; the file in which each question leaves a line."""
    bin_dir.mkdir(parents=True)
    asked = bin_dir / "asked"
    for name in ("postgres", "initdb"):
        (bin_dir / name).write_text(f"#!/bin/sh\necho $0 >>{asked}\necho '{name} (PostgreSQL) {version}'\n")
        (bin_dir / name).chmod(0o755)
    return asked


def test_installations_are_asked_in_turn_until_one_fits_and_each_of_them_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel, system = tmp_path / "wheel", tmp_path / "system"
    of_wheel = installation(wheel, "18.4")
    of_system = [installation(system / major / "bin", f"{major}.1") for major in ("14", "16", "17")]
    monkeypatch.setattr(binaries, "_wheel_places", lambda: [wheel])
    monkeypatch.setattr(binaries, "_SYSTEM", system)
    for data_version in (None, 18):
        assert binaries.choose_postgres(None, data_version).bin_dir == wheel
    assert [asked.exists() for asked in (of_wheel, *of_system)] == [True, False, False, False]
    assert binaries.choose_postgres(None, 16).bin_dir == system / "16/bin"
    assert [found.major for found in binaries.postgres_candidates(None)] == [18, 17, 16]
    with pytest.raises(SetupError, match=rf"\(found: 18 in {wheel}, 17 in {system}/17/bin, 16 in "):
        binaries.choose_postgres(None, 14)
    assert [len(asked.read_text().splitlines()) for asked in (of_wheel, *of_system)] == [1, 1, 1, 1]


def test_programs_that_were_replaced_are_asked_again_and_so_are_those_that_did_not_run(tmp_path: Path) -> None:
    program = tmp_path / "nats-server"
    assert binaries.program_version(program) == ()
    for said, version in (("nothing", ()), ("nats-server: v2.12.1", (2, 12, 1)), ("nats-server: v2.13.0", (2, 13, 0))):
        program.with_suffix(".new").write_text(f"#!/bin/sh\necho '{said}'\n")
        program.with_suffix(".new").chmod(0o755)
        program.with_suffix(".new").rename(program)
        assert binaries.program_version(program) == version
