"""What the operating system lets a process hold."""

import contextlib
import resource


def allow_many_files() -> int:
    """Raises the limit of open files to what this process may have at most, one each for a connection; the limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(most, 262_144)
    with contextlib.suppress(ValueError, OSError):  # only a privileged process may pass the hard limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most
