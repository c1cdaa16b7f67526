"""Who the engines run as. PostgreSQL refuses to run as root, so for root a separate system user owns the data."""

import grp
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from msgspec import Struct

from callmark.kit.errors import SetupError

USER = "callmark"


class Owner(Struct, frozen=True):
    """A user the engines run as in our stead."""

    uid: int
    gid: int
    name: str

    def can(self, test: str, path: Path) -> bool:
        """Whether this user passes `test` (an operator of test(1): `-x`, `-r`) on `path`: asked as that user."""
        program = shutil.which("test") or "/usr/bin/test"
        result = subprocess.run(
            [program, test, path], user=self.uid, group=self.gid, extra_groups=[], check=False, cwd="/"
        )
        return result.returncode == 0


def engine_owner() -> Owner | None:
    """The system user `callmark` (made when absent) when we are root; None: the engines run as we do."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        _add_user()
        entry = pwd.getpwnam(USER)
    return Owner(entry.pw_uid, entry.pw_gid, entry.pw_name)


def give(path: Path, owner: Owner | None, mode: int) -> None:
    """Sets the mode of `path` and hands it to `owner`, where there is one."""
    path.chmod(mode)
    if owner:
        os.chown(path, owner.uid, owner.gid)


def name_of(uid: int) -> str:
    """The user's name, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def leave_to_owner(path: Path) -> None:
    """As root, gives what was just made to whom its directory belongs: a service finds it, and only it can use it."""
    if os.geteuid() == 0:
        there = path.parent.stat()
        os.chown(path, there.st_uid, there.st_gid, follow_symlinks=False)


def _add_user() -> None:
    program = shutil.which("useradd", path="/usr/sbin:/sbin:" + os.environ.get("PATH", ""))
    has_group = any(one.gr_name == USER for one in grp.getgrall())
    command = ["--system", *(["--gid", USER] if has_group else ["--user-group"]), "--no-create-home"]
    command += ["--home-dir", "/nonexistent"]
    shell = ["--shell", "/usr/sbin/nologin", USER]
    if program is None:
        raise SetupError(
            f"PostgreSQL cannot run as root, and the program useradd is missing to create the user {USER!r}"
        )
    result = subprocess.run([program, *command, *shell], capture_output=True, text=True, check=False)
    already = 9
    if result.returncode not in (0, already):
        raise SetupError(f"cannot create the system user {USER!r}: {result.stderr.strip()}")
