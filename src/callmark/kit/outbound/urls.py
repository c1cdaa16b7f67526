"""Which addresses of businesses may be called at all."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from callmark.kit.errors import InvalidInput
from callmark.kit.outbound.addresses import Network, refusal_of_host

LONGEST_URL = 2048


def outbound_url(text: str, allowed: Sequence[Network]) -> str:
    """The address, which is called exactly as it is written here (contract D38).

    Raises InvalidInput for what is no `http` or `https` address, is longer than 2,048 characters, or plainly leads
    into the platform's own network. What a name leads to is checked by each attempt.
    """
    if len(text) > LONGEST_URL:
        raise InvalidInput(f"url must be at most {LONGEST_URL} characters", field="url")
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise InvalidInput(
            "url must use ASCII characters only; percent-encode spaces (%20) and other characters", field="url"
        )
    host = _host_of(text)
    if not host:
        raise InvalidInput("url must be a complete address that starts with http:// or https://", field="url")
    if why := refusal_of_host(host, allowed):
        raise InvalidInput(f"url cannot be called: its address is {why}", field="url")
    return text


def _host_of(url: str) -> str | None:
    """The host of a whole HTTP address, or None for anything else."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:
        return None
    return parts.hostname if usable else None
