"""The SIP header `Call-Info` with rich call data (RFC 9796): how a verifier hands it to the phone."""

import re
from dataclasses import dataclass

MOST_REASON = 64
"""Characters of `call-reason` (RFC 9796, section 5.2)."""
_NO_ADDRESS = "data:"
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\u2028\u2029\ud800-\udfff]")
_ADDRESS = re.compile(r"[!#-;=?-~]+\Z", re.ASCII)  # printable, without space, quotes, < and >
_VALUE = re.compile(r"\s*<([^<>\s]*)>((?:\s*;\s*[A-Za-z0-9-]+(?:\s*=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s;,\"]+))?)*)\s*")
_PARAMETER = re.compile(r";\s*([A-Za-z0-9-]+)(?:\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]+)))?")
_MOST_CHARACTERS = 8 * 1024


@dataclass(frozen=True, slots=True)
class CallInfo:
    """One value of the header. `verified` and `integrity` are set by a verifier only."""

    address: str = ""
    purpose: str = "jcard"
    reason: str | None = None
    verified: bool = False
    integrity: str | None = None

    def __str__(self) -> str:
        """As the header has it. Raises ValueError for an address with characters that could end the header."""
        if self.address and not _ADDRESS.match(self.address):
            raise ValueError(f"{self.address!r} cannot be part of a header")
        text = f"<{self.address or _NO_ADDRESS}>;purpose={self.purpose}"
        if self.reason is not None:
            text += f';call-reason="{quoted(shortened(self.reason))}"'
        if self.verified:
            text += ';verified="true"'
            text += f';integrity="{quoted(self.integrity)}"' if self.integrity else ""
        return text


def call_info(icon: str | None, reason: str | None, *, integrity: str | None = None) -> str:
    """The header's value for verified data; empty when there is nothing to say.

    The reason is beside the icon, because some phones read the first value only.
    """
    if icon:
        return str(CallInfo(icon, "icon", reason, verified=True, integrity=integrity))
    return str(CallInfo(reason=reason, verified=True)) if reason else ""


def shortened(reason: str) -> str:
    """At most 64 characters: of a longer reason the first 63 and `…`."""
    clean = _UNSAFE.sub(" ", reason)
    return clean if len(clean) <= MOST_REASON else clean[: MOST_REASON - 1] + "…"


def quoted(text: str) -> str:
    """`text` for a quoted string of SIP: nothing in it can end the string or the header."""
    return _UNSAFE.sub(" ", text).replace("\\", "\\\\").replace('"', '\\"')


def read_call_info(value: str) -> list[CallInfo]:
    """The values of a header, as a phone reads them. Raises ValueError."""
    if len(value) > _MOST_CHARACTERS:
        raise ValueError("the header is too long")
    found: list[CallInfo] = []
    at = 0
    while True:
        one = _VALUE.match(value, at)
        if one is None:
            raise ValueError("the header cannot be read")
        found.append(_read_one(one[1], one[2]))
        at = one.end()
        if at == len(value):
            return found
        if value[at] != ",":
            raise ValueError("the header cannot be read")
        at += 1


def _read_one(address: str, rest: str) -> CallInfo:
    named: dict[str, str] = {}
    for name, quoted_value, plain in _PARAMETER.findall(rest):
        named.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted_value) or plain)
    return CallInfo(
        "" if address == _NO_ADDRESS else address,
        named.get("purpose", ""),
        named.get("call-reason"),
        named.get("verified") == "true",
        named.get("integrity"),
    )
