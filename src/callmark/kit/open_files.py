"""How many files a process may have open, which connections are, too."""

import resource
from contextlib import suppress

_KEPT_FILES = 512


def allow_many_files() -> int:
    """Raises the limit of open files to what this process may have at most, one each for a connection; the limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(most, 262_144)
    with suppress(ValueError, OSError):  # only a privileged process may pass the hard limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def most_client_connections() -> int:
    """How many connections of clients leave enough files for engines, data and calls to the outside."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(files - _KEPT_FILES, files // 2)
