"""A log that cannot be written."""

import errno
import io


class FullLog(io.StringIO):
    """Raises its trouble at each write, as long as it has one."""

    def __init__(self, trouble: Exception | None = None) -> None:
        super().__init__()
        self.trouble: Exception | None = trouble or OSError(errno.ENOSPC, "No space left on device")

    def write(self, text: str) -> int:
        if self.trouble:
            raise self.trouble
        return super().write(text)
