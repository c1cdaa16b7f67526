"""Commands whose output cannot be written: that is not the exit code of records that failed."""

import asyncio
import os

import pytest
from tests.client.cli.conftest import PROGRAM, Commands
from tests.client.conftest import Platform


async def ended(commands: Commands, output: int, errors: int, *words: str) -> tuple[int | None, str]:
    """The exit code and what it says on standard error, unless that goes to the output too."""
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, *words), env={**os.environ, **commands.variables}, stdout=output, stderr=errors
    )
    _, said = await process.communicate()
    return process.returncode, (said or b"").decode()


@pytest.mark.parametrize("words", [("labels", "list"), ("labels", "list", "--json")])
@pytest.mark.parametrize("with_errors", [False, True])
@pytest.mark.usefixtures("platform")
async def test_when_who_reads_has_gone_it_ends_with_2_and_without_a_word(
    commands: Commands, words: tuple[str, ...], *, with_errors: bool
) -> None:
    """As `head` goes; with `2>&1`, or without."""
    read, write = os.pipe()
    os.close(read)
    try:
        errors = asyncio.subprocess.STDOUT if with_errors else asyncio.subprocess.PIPE
        assert await ended(commands, write, errors, *words) == (2, "")
    finally:
        os.close(write)


async def test_when_the_disk_is_full_it_ends_with_2_and_says_so(platform: Platform, commands: Commands) -> None:
    assert platform
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        code, said = await ended(commands, full, asyncio.subprocess.PIPE, "labels", "list")
    finally:
        os.close(full)
    assert (code, said) == (2, "Error: cannot read or write the output: No space left on device\n")
