"""How an S3 bucket is reached: by the usual AWS_… variables, read as their owners meant them."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from callmark.kit.errors import Unavailable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

_SENT = (
    "access_key_id",
    "default_region",
    "region",
    "secret_access_key",
    "session_token",
)
"""What is sent, or is a part of an address. obstore panics at a line break in it."""

_TRIED_FOR = timedelta(seconds=25)
"""For how long a request is repeated, from its beginning: less than a silence, so that a silent store is asked once.
People wait for it.
"""

_WAITS_AT_MOST = timedelta(seconds=3)
"""Between two attempts. Else a store that is back could be asked again when its time is over."""

_MANY = 1000
"""More attempts than the time allows. By its own limit the client gives up after ten, some two seconds."""

_WRITES_WITHIN = timedelta(minutes=5)
"""For how long a request that writes may send and then wait.

The client counts a silence from the beginning of the request, so also while it sends.
"""

_WRITES_TRIED_FOR = timedelta(minutes=4, seconds=30)
"""As `_TRIED_FOR`, less than a silence: what took minutes to send is sent again where it is refused."""

_OPTIONS = (
    "allow_http",
    "allow_invalid_certificates",
    "connect_timeout",
    "pool_idle_timeout",
    "proxy_ca_certificate",
    "proxy_excludes",
    "proxy_url",
    "read_timeout",
    "timeout",
    "user_agent",
)


def open_bucket(url: str, *, once_within: timedelta | None = None, writes: bool = False) -> ObjectStore:
    """The store at `s3://bucket/prefix`. Nothing is asked of it yet. Raises Unavailable where a variable is wrong.

    `once_within`: each request is made once, and has so long. `writes`: it is for what takes long to send.
    """
    retry: RetryConfig = {
        "retry_timeout": once_within or (_WRITES_TRIED_FOR if writes else _TRIED_FOR),
        "max_retries": _MANY,
        "backoff": {"max_backoff": _WAITS_AT_MOST},
    }
    options = _client_options()
    if writes:
        options["read_timeout"] = _WRITES_WITHIN
    if once_within:
        retry["max_retries"], options["timeout"] = 0, once_within
    for name in (*_SENT, "endpoint_url", "endpoint"):
        _check(f"AWS_{name.upper()}", _variable(name))
    _check("AWS_ENDPOINT_URL_S3", os.environ.get("AWS_ENDPOINT_URL_S3", ""))  # obstore takes it from there only
    config: Any = {f"aws_{name}": value for name in _SENT if (value := _variable(name))}
    if endpoint := _variable("endpoint_url") or _variable("endpoint"):
        config["aws_endpoint"] = endpoint
    try:
        return from_url(url, config=config, client_options=options, retry_config=retry)
    except (BaseError, ValueError) as exc:
        raise Unavailable(f"CALLMARK_OBJECT_STORE cannot be used: {reason_of(exc)}") from exc


def _check(name: str, value: str) -> None:
    if not (value.isascii() and value.isprintable()):
        raise Unavailable(f"object store: {name} has a character that cannot be sent, as a line break")
    if value and "ENDPOINT" in name and not value.startswith(("http://", "https://")):
        raise Unavailable(f"object store: {name} must begin with https:// or http://")


def _client_options() -> "ClientConfig":
    """How the client behaves.

    obstore does not read variables for options when it is given any. Its own limit on a whole request would end the
    reading of a large file.
    """
    options: Any = {"timeout": "30days", "read_timeout": "30s"}
    if bundle := _variable("ca_bundle"):
        options["root_certificate"] = _content(Path(bundle))
    return options | {name: value for name in _OPTIONS if (value := _variable(name))}


def _content(bundle: Path) -> bytes:
    try:
        return bundle.read_bytes()
    except OSError as exc:
        raise Unavailable(f"object store: AWS_CA_BUNDLE: cannot read {bundle}: {exc.strerror}") from exc


def _variable(name: str) -> str:
    """Without the line break that a secret made by `echo` ends with."""
    return os.environ.get(f"AWS_{name.upper()}", "").strip()


def reason_of(exc: BaseException) -> str:
    """What the store answered or why it could not be asked, in a line. obstore's text has it in the lines below."""
    first, _, below = (str(exc) or type(exc).__name__).partition("\n\nDebug source:")
    first = _PATHS.sub(r"\1, …", first)
    head, _, answer = first.partition("<?xml")
    if code := _CODE.search(answer or first):
        message = _MESSAGE.search(first)
        said = ": ".join(filter(None, [code[1], message and message[1]]))
        return f"{head.partition('<Error>')[0].rstrip(': ')}: {said}"
    line = first.splitlines()[0]
    innermost = [one for one in map(_said, below.splitlines()) if one] if "HTTP" in line else []
    return f"{line}: {_MEANT.get(innermost[-1], innermost[-1])}" if innermost else line


def is_of_one(exc: Exception) -> bool:
    """Whether the store refused to delete one object of many that a request named, and did its work with the others."""
    return "DeleteObjects request failed for key" in str(exc)


_PATHS = re.compile(r"(for path [^,:]+),[^:]*")
"""A request that deletes names up to a thousand."""
_CODE, _MESSAGE = re.compile("<Code>([^<]+)</Code>"), re.compile("<Message>([^<]+)</Message>")
_MEANT = {"BadScheme": "an address without TLS needs AWS_ALLOW_HTTP=true"}


def _said(line: str) -> str:
    """What a line of obstore's tree of causes says; empty where it only opens or closes."""
    name, _, value = line.strip().rstrip(",").rpartition(": ")
    value = value or name
    return "" if value.endswith(("{", "(", "}", ")", "[", "]")) else value.strip('"')
