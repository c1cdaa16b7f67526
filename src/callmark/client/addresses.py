"""Which addresses can be asked at all: of some hosts, httpx and the system's look-up raise UnicodeError."""

import httpx

_NOT_A_NAME = "a part of its host name is empty, has more than 63 characters, or is encoded wrongly"


def host_fault(url: str) -> str:
    """Why nobody can be asked at the address's host; empty if it can be looked up."""
    try:
        parsed = httpx.URL(url)
        _ = parsed.host, parsed.raw_host.decode().encode("idna")  # as httpx compares it, and as it is looked up
    except httpx.InvalidURL as exc:
        return str(exc)
    except UnicodeError:
        return _NOT_A_NAME
    return ""
