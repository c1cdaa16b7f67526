"""What the processes of `callmark serve` are given of a DSN that stands in a file."""

import os
from pathlib import Path

from callmark.kit.settings import read_handed_down, read_settings, to_environ


def test_a_child_begins_with_what_the_file_of_the_dsn_has_by_then(tmp_path: Path) -> None:
    (file := tmp_path / "dsn").write_text("postgresql://alice:first@db/callmark\n")
    handed_down = to_environ(read_settings({"CALLMARK_POSTGRES_DSN_FILE": str(file)}))
    file.write_text("postgresql://alice:second@db/callmark\n")
    assert read_handed_down(handed_down).reached_postgres == "postgresql://alice:second@db/callmark"


def test_what_was_read_of_a_pipe_is_handed_down_itself() -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w") as pipe:
        pipe.write("postgresql://alice:geheim@db/callmark")
    handed_down = to_environ(read_settings({"CALLMARK_POSTGRES_DSN_FILE": f"/dev/fd/{read}"}))
    os.close(read)
    assert read_handed_down(handed_down).reached_postgres == "postgresql://alice:geheim@db/callmark"


def test_a_child_uses_the_directory_whose_name_ends_in_a_blank() -> None:
    settings = read_settings({"CALLMARK_PORT": "8701\n"}, data=Path("/data "))
    child = read_handed_down(to_environ(settings))
    assert (child.data, child) == (Path("/data "), settings)
