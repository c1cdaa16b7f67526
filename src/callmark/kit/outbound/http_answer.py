"""Reads the answer to one HTTP/1 POST out of bytes, however oddly a receiver writes it; does no I/O.

An ordinary parser refuses what breaks the standard. Here the status decides and the rest is read as far as it goes:
a receiver that has said 2xx has taken the event (contract D48), so refusing its odd header would send the event again.
What was odd is in `notes`. A connection is kept only after an answer whose end is certain.
"""

import re
from collections.abc import Callable
from operator import methodcaller

KEPT_BYTES = 4096
"""How much of a body is kept."""

MOST_BODY_BYTES = 64 * 1024
"""Where reading of a body ends: the connection is dropped."""

MOST_HEAD_BYTES = 256 * 1024
"""Where reading of a head ends, interim answers included."""

_LONG_LINE, _MANY_HEADERS = 8190, 100
"""What is noted as odd, because common servers and proxies refuse it."""

_STATUS_LINE = re.compile(rb"HTTP/(\d{1,3})(?:\.(\d{1,3}))?([ \t]+)(\d{3})(?!\d)", re.IGNORECASE)
_BLANK_LINE = re.compile(rb"\n\r?\n")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?\r?")
_CHUNK_SIZE_BEGUN = re.compile(rb"[ \t]*(?:[0-9a-fA-F]{1,15}[ \t]*(?:;.*)?)?\r?")  # no two runs of blanks in a row
_TOKEN = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_BODILESS = frozenset({101, 204, 304})
_INTERIM = frozenset(range(100, 200)) - _BODILESS
_LONGEST_CHUNK_LINE = 4096
_OVERLONG = "the head was longer than 256 KiB and was not read to its end"
_PLAIN_HEAD = re.compile(rb"HTTP/1\.1 ([2-5]\d\d) [ -~]*\r\n((?:[A-Za-z0-9-]+: [!-~](?:[ -~]*[!-~])?\r\n)+)\r\n")
_LONGEST_PLAIN = 4096
_KEEP_ALIVE = "keep-alive"
_divided = methodcaller("partition", ": ")


class NotHttp(ValueError):
    """What came is no answer of HTTP/1."""


def read_plain(data: bytes) -> tuple[int, list[tuple[str, str]], bytes] | None:
    """Status, headers and body of a short answer that is whole, has one length, nothing odd, and keeps the connection.

    None for any other: `AnswerReader` reads that step by step, and would read this in the same way, in twice the time.
    """
    found = _PLAIN_HEAD.match(data) if len(data) <= _LONGEST_PLAIN else None
    if not found or (status := int(found[1])) in _BODILESS:
        return None
    headers = [(name, value) for name, _, value in map(_divided, found[2].decode().split("\r\n")[:-1])]
    by_name = {name.lower(): value for name, value in headers}
    body = data[found.end() :]
    if len(by_name) < len(headers) or len(headers) > _MANY_HEADERS or "transfer-encoding" in by_name:
        return None
    if by_name.get("content-length") != str(len(body)) or by_name.get("connection", _KEEP_ALIVE).lower() != _KEEP_ALIVE:
        return None
    return status, headers, body


class AnswerReader:
    """Feed it until it says that it is done, or tell it that the connection has ended.

    `status` is None until the status line of the final answer has come. `body` holds the first `KEPT_BYTES`, or with
    `most_bytes` all of a body of at most that length.
    """

    def __init__(self, most_bytes: int | None = None) -> None:
        self._kept, self._most = most_bytes or KEPT_BYTES, most_bytes or MOST_BODY_BYTES
        self.status: int | None = None
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()
        self.notes: list[str] = []
        self.is_done = False
        self.is_whole = True
        self.may_keep = False
        self._buffer = bytearray()
        self._step: Callable[[], bool] = self._status_line
        self._is_old = False  # HTTP/1.0: the connection is not kept unless the receiver says so
        self._head_bytes = 0
        self._scanned = 0  # how far the buffer has been searched for the end of the status line, or of the head
        self._left = 0
        self._seen = 0

    def feed(self, data: bytes) -> bool:
        """Takes what has come; whether the answer is complete now. Raises NotHttp."""
        if self.status is None and not self._buffer and not self._head_bytes and (plain := read_plain(data)):
            status, headers, body = plain
            if len(body) <= min(self._kept, self._most):
                self.status, self.headers, self.may_keep, self.is_done = status, headers, True, True
                self.body += body
                return True
        self._buffer += data
        while not self.is_done and self._step():
            pass
        return self.is_done

    def end(self) -> None:
        """The connection has ended: an answer that has begun is done, if need be with a note."""
        if self.is_done:
            return
        if self.status is None and (found := _STATUS_LINE.match(self._buffer.lstrip())):
            self._take_status(found)
        if self.status is None or self._is_interim:
            self.status = None
            return
        if self._step == self._rest_of_head:
            self._take_headers(bytes(self._buffer))
        if self._step != self._until_end:
            self.is_whole = False
            self._note("the answer broke off")
        self.is_done = True

    def stop(self) -> None:
        """Nothing more is waited for: takes the headers of a head that has not come to its end."""
        if self._step == self._rest_of_head and not self.is_done:
            if self._is_interim:
                self.status = None
            else:
                self._take_headers(bytes(self._buffer))
        self.is_done = True

    def header(self, name: str) -> str | None:
        """The first header of this lower-case name."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    # head -------------------------------------------------------------------------------------------------------------

    def _status_line(self) -> bool:
        buffer = self._buffer
        if buffer[:1] in b"\r\n \t" and buffer:  # empty lines before an answer are common, and mean nothing
            buffer[:] = buffer.lstrip(b"\r\n \t")
        if not b"HTTP/".startswith(bytes(buffer[:5]).upper()):
            raise NotHttp
        line_end = buffer.find(b"\n", self._scanned)
        if line_end < 0:
            if len(buffer) > MOST_HEAD_BYTES:
                raise NotHttp
            self._scanned = len(buffer)
            return False
        found = _STATUS_LINE.match(buffer, 0, line_end)
        if not found:
            raise NotHttp
        self._take_status(found)
        self._scanned = line_end
        self._step = self._rest_of_head
        return True

    def _take_status(self, found: re.Match[bytes]) -> None:
        major, minor, gap, status = found.groups()
        self.status = int(status)
        self._is_old = (int(major), int(minor or 0)) < (1, 1)
        if major != b"1":
            self._note(f"the answer called itself HTTP/{major.decode()}")
        if gap != b" ":
            self._note("the status line had odd spaces")

    @property
    def _is_interim(self) -> bool:
        return self.status in _INTERIM

    def _rest_of_head(self) -> bool:
        found = _BLANK_LINE.search(self._buffer, self._scanned)
        if not found:
            if self._head_bytes + len(self._buffer) > MOST_HEAD_BYTES:
                return self._give_up_head()
            self._scanned = max(self._scanned, len(self._buffer) - 2)
            return False
        head, end = bytes(self._buffer[: found.start()]), found.end()
        del self._buffer[:end]
        self._head_bytes += end
        if self._is_interim:
            self.status = None
            self._step, self._scanned = self._status_line, 0
            if self._head_bytes > MOST_HEAD_BYTES:
                raise NotHttp
            return True
        self._take_headers(head)
        self._choose_body()
        return True

    def _give_up_head(self) -> bool:
        if self._is_interim:
            raise NotHttp
        self._take_headers(bytes(self._buffer))
        self._note(_OVERLONG)
        self.is_done = True
        return False

    def _take_headers(self, head: bytes) -> None:
        if b"\n" in head and b"\r" not in head:
            self._note("the lines of the head ended without a carriage return")
        found: list[tuple[str, list[str]]] = []
        for line in head.split(b"\n")[1:]:
            if (length := len(line.rstrip(b"\r"))) > _LONG_LINE:
                self._note(f"a header was {length:,} bytes long")
            if line[:1] in {b" ", b"\t"} and found:
                found[-1][1].append(line.strip().decode("latin-1"))
                self._note("a header was folded over several lines")
                continue
            name_part, colon, value_part = line.partition(b":")
            if not colon:
                if line.strip():
                    self._note("a header line had no colon")
                continue
            if not _TOKEN.fullmatch(name_part):
                self._note("a header's name had characters that no name has")
            found.append((name_part.strip().decode("latin-1"), [value_part.strip().decode("latin-1")]))
        self.headers = [(name, " ".join(lines)) for name, lines in found]
        if len(self.headers) > _MANY_HEADERS:
            self._note(f"there were {len(self.headers)} headers")

    # body -------------------------------------------------------------------------------------------------------------

    def _choose_body(self) -> None:
        lengths = self._parts_of("content-length")
        codings = [coding for coding in self._parts_of("transfer-encoding") if coding.lower() != "identity"]
        self.may_keep = self._says_keep()
        if self.status in _BODILESS:
            if codings or self._buffer or any(length.strip("0") for length in lengths):
                self._doubt(f"an answer of {self.status} has no body, and this one had or named one")
            self._finish()
        elif codings:
            if lengths:
                self._doubt("Content-Length came beside Transfer-Encoding")
            if codings[-1].lower() == "chunked":
                self._step = self._chunk_size
            else:
                self._doubt("the transfer coding was not known")
                self._step = self._until_end
        elif lengths:
            self._choose_length(lengths)
        else:
            self.may_keep = False
            self._step = self._until_end

    def _choose_length(self, lengths: list[str]) -> None:
        if not all(length.isascii() and length.isdigit() for length in lengths):
            self._finish_here("Content-Length was not a length")
        elif len(distinct := {int(length.lstrip("0")[:18] or "0") for length in lengths}) > 1:
            self._finish_here("Content-Length came with several values")
        else:
            if len(lengths) > 1:
                self._note(f"Content-Length came {len(lengths)} times")
            self._left = distinct.pop()
            self._step = self._counted

    def _counted(self) -> bool:
        part = self._buffer[: self._left]
        del self._buffer[: len(part)]
        self._left -= len(part)
        self._take(part)
        if not self._left and not self.is_done:
            if self._buffer:
                self._doubt("the body was longer than its Content-Length")
            self._finish()
        return False

    def _chunk_size(self) -> bool:
        line_end = self._buffer.find(b"\n")
        if line_end < 0:
            # A body without chunks has no line end to wait for: it is known by its first byte that is no size.
            if len(self._buffer) > _LONGEST_CHUNK_LINE or not _CHUNK_SIZE_BEGUN.fullmatch(self._buffer):
                self._finish_here("the chunks of the body could not be read")
            return False
        found = _CHUNK_SIZE.fullmatch(self._buffer, 0, line_end)
        if not found:
            self._finish_here("the chunks of the body could not be read")
            return False
        self._left = int(found[1], 16)
        del self._buffer[: line_end + 1]
        if self._left:
            self._step = self._chunk
            return True
        self._end_chunks()
        return False

    def _chunk(self) -> bool:
        part = self._buffer[: self._left]
        del self._buffer[: len(part)]
        self._left -= len(part)
        self._take(part)
        if self._left or self.is_done:
            return False
        self._step = self._chunk_end
        return True

    def _chunk_end(self) -> bool:
        if bytes(self._buffer[:2]) in {b"", b"\r"}:
            return False
        if self._buffer[:1] not in b"\r\n":
            self._finish_here("the chunks of the body could not be read")
            return False
        del self._buffer[: 2 if self._buffer.startswith(b"\r\n") else 1]
        self._step = self._chunk_size
        return True

    def _end_chunks(self) -> None:
        """The last chunk ends the answer. Trailers say nothing to us; only the plain end keeps the connection."""
        if bytes(self._buffer[:3]) not in {b"\r\n", b"\n"}:
            self.may_keep = False
        self._finish()

    def _until_end(self) -> bool:
        self._take(bytes(self._buffer))
        self._buffer.clear()
        return False

    def _take(self, part: bytes | bytearray) -> None:
        self._seen += len(part)
        if (room := self._kept - len(self.body)) > 0:
            self.body += part[:room]
        if self._seen > self._most:
            self.is_whole = False
            self._doubt(f"the body was longer than {self._most // 1024} KiB and was not read to its end")
            self._finish()

    def _finish_here(self, why: str) -> None:
        """Nothing says where this answer ends: it ends here, with what has come."""
        self.is_whole = False
        self._doubt(why)
        self._take(bytes(self._buffer))
        self._finish()

    def _finish(self) -> None:
        self.is_done = True

    def _doubt(self, why: str) -> None:
        self.may_keep = False
        self._note(why)

    def _note(self, what: str) -> None:
        if what not in self.notes:
            self.notes.append(what)

    def _parts_of(self, name: str) -> list[str]:
        """The values of all headers of this lower-case name, divided at commas."""
        return [part.strip() for key, value in self.headers if key.lower() == name for part in value.split(",")]

    def _says_keep(self) -> bool:
        said = {part.lower() for part in self._parts_of("connection")}
        return _KEEP_ALIVE in said if self._is_old else "close" not in said
