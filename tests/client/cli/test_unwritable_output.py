"""Commands whose output cannot be written: that is not the exit code of records that failed."""

import asyncio
import io
import json
import os
import sys
from pathlib import Path

import pytest
from tests.client.cli.conftest import PROGRAM, Commands
from tests.client.cli.record_files import GOOD, HEAD
from tests.client.conftest import Platform

from callmark.kit.standard_streams import prepare_standard_streams
from callmark.terminal import Output

_FORKED = """
import json, os, sys
import callmark.client
from callmark.main import cli
read, gone = os.pipe()
os.close(read)
unwritable = {"full": os.open("/dev/full", os.O_WRONLY), "gone": gone}
for words, streams in json.loads(sys.argv[2]):
    if not os.fork():
        for stream in streams:
            os.dup2(unwritable[sys.argv[1]], stream)
        cli(words, prog_name="callmark")
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""
"""Runs commands one after another, each with streams that cannot be written, and prints their exit codes."""


async def ended(commands: Commands, why: str, *lines: tuple[list[str], list[int]]) -> tuple[list[int], bytes]:
    """The exit codes of commands, and what they say: the disk of these streams is full, or who reads has gone."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _FORKED, why, json.dumps(lines)),
        env={**os.environ, **commands.variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    codes, said = await process.communicate()
    return [int(code) for code in codes.split()], said


@pytest.mark.usefixtures("platform")
async def test_when_who_reads_has_gone_it_ends_with_2_and_without_a_word(commands: Commands) -> None:
    """As `head` goes; with `2>&1`, or without."""
    lines = [(["labels", "list", *more], streams) for more in ([], ["--json"]) for streams in ([1], [1, 2])]
    assert await ended(commands, "gone", *lines) == ([2] * 4, b"")


async def test_the_exit_code_is_right_on_a_full_disk(platform: Platform, commands: Commands, tmp_path: Path) -> None:
    """`>log`, `2>log` and `>>log 2>&1` on a full disk. 1 would say that some rows failed, or that something changes."""
    (tmp_path / "rows.csv").write_text(HEAD + GOOD)
    rows, label = str(tmp_path / "rows.csv"), str(platform.cast.label.id)
    push = ["push", rows, "--yes", "--label-id", label, "--caller", "918040001234", "--expires-in", "2h"]
    nobody = ["--base-url", "http://127.0.0.1:1"]
    wanted: list[tuple[list[str], list[int], int]] = [
        (["labels", "list"], [1], 2),
        (push, [1, 2], 2),
        ([*push, *nobody], [2], 4),
        (["labels", "list", *nobody], [2], 4),
        (["labels", "list", "--all"], [2], 2),
        (["batches", "show", str(platform.cast.account.id)], [2], 3),
        (["plan", rows, "--exit-code"], [2], 2),
        (["no-command"], [2], 2),
        (["account", "list", "--data", rows], [2], 2),
        (["--help"], [1], 1),
        (["completion", "bash"], [1], 2),
        (["settings"], [1], 1),
    ]
    codes, said = await ended(commands, "full", *((words, streams) for words, streams, _ in wanted))
    assert codes == [code for _, _, code in wanted]
    full = b"the output: No space left on device\n"
    assert said == b"Error: cannot read or write " + full + (b"Error: cannot write " + full) * 3


async def shell(commands: Commands, line: str) -> tuple[int | None, bytes, bytes]:
    """The exit code, standard output and error of a line of the shell, in which $0 is the program."""
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", line, PROGRAM),
        env={**os.environ, **commands.variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate()
    return process.returncode, out, said


async def test_a_stream_that_is_closed_is_not_missed(platform: Platform, commands: Commands, tmp_path: Path) -> None:
    """As cron and old supervisors start programs. What is opened next must not get the number of the output."""
    rows = tmp_path / "rows.csv"
    rows.write_text(HEAD + GOOD.replace("919900000001", "12"))
    assert await shell(commands, "$0 labels list >&-") == (0, b"", b"")
    code, out, _ = await shell(commands, "$0 labels list 2>&- <&-")
    assert (code, platform.cast.label.name.encode() in out) == (0, True)
    code, _, said = await shell(commands, "$0 lint - <&-")
    assert (code, b"Traceback" in said, said != b"") == (2, False, True)
    assert (await shell(commands, f"$0 push {rows} --yes >&- 2>&-"))[0] == 1
    results = (tmp_path / "rows.results.csv").read_text()
    assert ("invalid" in results, "Pushing" in results, "rows" in results) == (True, False, False)


NAME = "\u090f\u0915\u094d\u092e\u0947 \u00e9 \U0001f69a"


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii", "utf-8"])
def test_what_an_encoding_lacks_is_written_out(monkeypatch: pytest.MonkeyPatch, encoding: str, errors: str) -> None:
    shown: dict[bool, bytes] = {}
    for as_json in (True, False):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding, errors=errors))
        prepare_standard_streams()
        output = Output(as_json=as_json)
        output.item({"name": NAME})
        if as_json:
            output.stream([{"name": NAME}])
        else:
            output.rows([{"name": NAME}], ["name"], empty="")
        sys.stdout.flush()
        shown[as_json] = written.getvalue()
    one, _, many = shown[True].decode(encoding).partition("[")
    assert (json.loads(one), json.loads(f"[{many}")) == ({"name": NAME}, [{"name": NAME}])
    readable = NAME if encoding in {"utf-8", "ascii"} else NAME.encode(encoding, "backslashreplace").decode(encoding)
    assert shown[False].decode("utf-8" if encoding == "ascii" else encoding).count(readable) == 2  # click writes UTF-8
