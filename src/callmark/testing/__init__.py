"""Tests of programs that use Callmark: the platform as a pytest fixture, and a router that needs no process.

`pip install 'callmark[testing]'`; the fixtures are found automatically (docs/testing.md). The names here are imported
when one of them is first used, so a project without such tests pays nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callmark.testing.accounts import EmulatorAccount as EmulatorAccount
    from callmark.testing.control import EmulatorError as EmulatorError
    from callmark.testing.emulator import ClockControl as ClockControl, Emulator as Emulator
    from callmark.testing.handset import EmulatorHandset as EmulatorHandset, ShownScreen as ShownScreen
    from callmark.testing.mocks import mock_router as mock_router
    from callmark.testing.receivers import (
        CaughtMail as CaughtMail,
        EmulatorSink as EmulatorSink,
        EmulatorWebhook as EmulatorWebhook,
        RecordedRequest as RecordedRequest,
    )

_WHERE = {
    "CaughtMail": "receivers",
    "ClockControl": "emulator",
    "Emulator": "emulator",
    "EmulatorAccount": "accounts",
    "EmulatorError": "control",
    "EmulatorHandset": "handset",
    "EmulatorSink": "receivers",
    "EmulatorWebhook": "receivers",
    "RecordedRequest": "receivers",
    "ShownScreen": "handset",
    "mock_router": "mocks",
}


if not TYPE_CHECKING:  # as in callmark/__init__.py

    def __getattr__(name: str) -> object:
        """One of the names above, or the list of them."""
        if name == "__all__":
            return [*_WHERE]
        if name not in _WHERE:
            raise AttributeError(f"module 'callmark.testing' has no attribute {name!r}")
        import importlib

        return getattr(importlib.import_module(f"callmark.testing.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    """For prompts that complete."""
    return sorted({*globals(), *_WHERE})
