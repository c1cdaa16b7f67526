"""Without the SIP programs the command says how to get them."""

import pytest
from click.testing import CliRunner

from callmark.main import cli


@pytest.mark.parametrize("command", [["sip-lab"], ["demo", "--sip"]])
def test_missing_programs_are_named_with_the_line_that_installs_them(
    monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 3
    assert "this needs sipp, baresip." in done.stderr
    assert "apt-get install -y --no-install-recommends sip-tester baresip-core" in done.stderr
