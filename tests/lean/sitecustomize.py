"""Python runs this first in each process that tests start: one of the platform's finds no aiohttp, as at its users.

`nats-py` imports it where it is installed, which is a quarter of what such a process takes to begin.
"""

import sys
from typing import Any

_modules: dict[str, Any] = sys.modules
_programs = {"callmark.main", "callmark.processes.child", "callmark.testing.platform"}
if any(one in _programs or one.endswith("/bin/callmark") for one in sys.orig_argv):
    _modules["aiohttp"] = None
