"""The one place of the library that reads clocks, chance and the process' environment."""

import os
import platform
import random
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from callmark.client.errors import CallmarkError


class Environment:
    """What the rules ask of the machine; tests give another."""

    def now(self) -> float:
        """Epoch seconds by this machine's clock."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds by a clock that is never set."""
        return time.monotonic()

    def clock_setting(self) -> float:
        """How far `now` is ahead of `monotonic`: another one when the clock was set, or the machine slept."""
        return self.now() - self.monotonic()

    def machine(self) -> str:
        """What this machine is called: `clock_setting` of another one means nothing here."""
        return platform.node()

    def chance(self) -> float:
        """A random number from 0 to 1."""
        return random.random()  # noqa: S311 - spreads retries, hides nothing

    def new_key(self) -> str:
        """A value for `Idempotency-Key` that nobody else uses."""
        return str(uuid.uuid4())


def variables() -> Mapping[str, str]:
    """The environment variables."""
    return os.environ


def config_file() -> Path:
    """Where the profiles are: below `XDG_CONFIG_HOME`, by default `~/.config`. A relative path counts as unset.

    Raises CallmarkError for a user without a home directory, as containers have them.
    """
    configs = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if not configs.is_absolute():
        if (home := find_home()) is None:
            raise CallmarkError(
                "this user has no home directory, where profiles are kept: set HOME or XDG_CONFIG_HOME to a full path"
            )
        configs = home / ".config"
    return configs / "callmark" / "config.toml"


def find_home() -> Path | None:
    """The user's home directory; None for a user without one, or with a HOME that is no full path.

    HOME may be empty, which Python takes for the root, or relative: secrets do not belong where a program is started.
    """
    if Path(os.environ.get("HOME", "/")).is_absolute():
        with suppress(RuntimeError):
            return Path.home()
    return None
