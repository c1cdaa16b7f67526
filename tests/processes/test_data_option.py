"""`--data` of the commands that run the platform."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from callmark.main import cli


@pytest.mark.parametrize(
    "command", ["serve", "migrate", "doctor", "backup x", "restore x", "secret-key rotate", "installation show"]
)
def test_a_file_is_refused_as_the_data_directory(command: str, tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.touch()
    result = CliRunner().invoke(cli, [*command.split(), "--data", str(file)])
    assert result.exit_code == 2
    assert f"Invalid value for '--data': Directory '{file}' is a file." in result.stderr
