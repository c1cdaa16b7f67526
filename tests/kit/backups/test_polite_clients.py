"""A backup is polite where it may be."""

import os
import subprocess
import sys

import pytest

NUMBERS = {"x86_64": 141, "aarch64": 140}
"""The system call that sets a priority."""

ASKED = """
import ctypes, os, struct, sys
from types import SimpleNamespace
from callmark.kit.backups.clients import Client

one = lambda code, true, false, value: struct.pack("HBBI", code, true, false, value)
refused = one(0x20, 0, 0, 0) + one(0x15, 0, 1, int(sys.argv[1])) + one(6, 0, 0, 0x50001)
kept = ctypes.create_string_buffer(refused + one(6, 0, 0, 0x7FFF0000))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(kept)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
try:
    os.setpriority(os.PRIO_PROCESS, os.getpid(), 5)
except PermissionError:
    Client(SimpleNamespace(pid=os.getpid()), None, None, None).yield_to_others()
    print("continues")
"""


@pytest.mark.skipif(os.uname().machine not in NUMBERS, reason="the system call's number is not known here")
def test_where_no_priority_may_be_set_a_backup_is_made_with_the_usual_one() -> None:
    """As `SystemCallFilter=~@resources` has it, the line of the units' hardening."""
    asked = [sys.executable, "-c", ASKED, str(NUMBERS[os.uname().machine])]
    ended = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("continues\n", "")
