"""A small file system in memory, which can be full."""

import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.engines import reachable_directory


class SmallDisk:
    """One that is mounted on `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def leave(self, free_kib: int) -> None:
        """Changes its size, so that so much is free."""
        self._mount("-o", f"remount,size={shutil.disk_usage(self.folder).used // 1024 + free_kib}k")

    def take_no_more_files(self) -> None:
        """There is room in those that are there."""
        self._mount("-o", "remount,nr_inodes=1")

    def mount(self, size_kib: int) -> None:
        """Raises CalledProcessError where nobody may."""
        self._mount("-t", "tmpfs", "-o", f"size={size_kib}k,mode=755", "tmpfs")

    def _mount(self, *arguments: str) -> None:
        subprocess.run(["/bin/mount", *arguments, str(self.folder)], check=True, stderr=subprocess.DEVNULL)


@contextmanager
def small_disk(size_kib: int) -> Generator[SmallDisk]:
    """Skips the test where nobody may mount one."""
    disk = SmallDisk(reachable_directory())
    try:
        try:
            disk.mount(size_kib)
        except (subprocess.CalledProcessError, FileNotFoundError):
            pytest.skip("no file system may be mounted here")
        try:
            yield disk
        finally:
            subprocess.run(["/bin/umount", "--lazy", str(disk.folder)], check=True)
    finally:
        shutil.rmtree(disk.folder)
