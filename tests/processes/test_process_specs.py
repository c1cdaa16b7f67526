"""Child processes as the supervisor starts them."""

import os
from pathlib import Path

import pytest

from callmark.kit.errors import SetupError
from callmark.processes.process_specs import ProcessUnit


async def test_a_child_takes_no_code_from_the_directory_it_was_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    for module in ("callmark", "msgspec", "h11"):
        (tmp_path / f"{module}.py").write_text(f"open({str(ran)!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    environ = {"PATH": os.defpath, "CALLMARK_PORT": "no port"}
    with pytest.raises(SetupError, match="did not start"):
        await ProcessUnit("http", 0, "api", environ).start()
    assert not ran.exists()
