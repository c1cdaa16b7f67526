"""Settings that are addresses: brought to the one spelling that the code relies on, or refused with a sentence.

An address becomes part of links, of headers and of comparisons with what browsers send, so a slash too many or a
capital letter breaks something far from its cause. Each function raises ValueError that says what is wrong.
"""

import ipaddress
import re
from urllib.parse import SplitResult, quote, unquote, urlsplit

from callmark.kit.domain_names import ascii_domain
from callmark.kit.postgres.dsn import PostgresDsn

REACHED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not bound
"""What reaches a process that listens on every address."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST_NAME = re.compile(
    r"(?=.{1,253}\.?$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?"
)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_BLANK_OR_CONTROL = re.compile(r"[\s\x00-\x1f\x7f\\]")


def http_url(host: str, port: int) -> str:
    """The address of a server of ours without TLS."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def public_url(text: str) -> str:
    """`http` or `https`, a host, maybe a port; as browsers spell an origin: lower case, no default port, no slash.

    Links are made by appending a path that begins with a slash. Empty stays empty.
    """
    if not text.strip():
        return ""
    example = "such as https://calls.example.com"
    parts = _split_web(text, f"http:// or https://, {example}")
    _check_bare(text, parts)
    if parts.path.strip("/"):
        raise ValueError(f"it must not have a path, because pages and API are served from the root: {example}")
    host, port = _host(parts.hostname or ""), _port(parts)
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != _DEFAULT_PORTS[parts.scheme] else "")


def collector_url(text: str) -> str:
    """`http` or `https`, a host, maybe a port and a path, without a slash at the end. Empty stays empty.

    Other programs want it with the path of traces.
    """
    if not text.strip():
        return ""
    parts = _split_web(text, "http:// or https://, such as http://localhost:4318")
    _check_bare(text, parts)
    return _origin(parts) + parts.path.rstrip("/").removesuffix("/v1/traces").rstrip("/")


def service_url(text: str) -> str:
    """`http` or `https`, a host, maybe a port, a path and a query: where requests are sent. Empty stays empty."""
    if not text.strip():
        return ""
    parts = _split_web(text, "https:// or http://")
    _check_nobody(parts)
    if "#" in text:
        raise ValueError("it must not have a fragment (#…)")
    if not f"{parts.path}{parts.query}".isascii():
        raise ValueError("its path must be in ASCII: write other letters percent-encoded, such as %C3%BC")
    return _origin(parts) + parts.path + (f"?{parts.query}" if parts.query else "")


def object_store(text: str) -> str:
    """`s3://bucket` or `s3://bucket/prefix`, without a slash at the end. Empty stays empty."""
    if not text.strip():
        return ""
    parts, example = _split(text.strip()), "such as s3://bucket/prefix"
    if parts.scheme != "s3":
        raise ValueError(f"it must begin with s3://, {example}")
    _check_bare(text, parts)
    if not _BUCKET.fullmatch(parts.netloc):
        raise ValueError(f"it must name a bucket of 3 to 63 lower-case letters, digits, dots and hyphens, {example}")
    prefix = "/".join(part for part in parts.path.split("/") if part)
    return f"s3://{parts.netloc}/{prefix}" if prefix else f"s3://{parts.netloc}"


def postgres_dsn(text: str) -> str:
    """`postgresql://…`, with what a URL cannot hold encoded in its password. Errors never repeat it: it is secret."""
    dsn = PostgresDsn.parse(text.strip())
    if dsn.scheme.lower() not in {"postgresql", "postgres"}:
        raise ValueError("it must begin with postgresql://")
    dsn.each_host()
    return str(dsn._replace(scheme=dsn.scheme.lower()))


def nats_urls(text: str) -> str:
    """Servers separated by commas, each `nats://…`, `tls://…` or a bare host. Errors never repeat the text.

    What a URL cannot hold is encoded in user and password, as in a DSN of PostgreSQL.
    """
    urls = [_encoded(part.strip()) for part in text.split(",") if part.strip()]
    if not urls or not all(_is_of_nats(url) for url in urls):
        raise ValueError(
            "it must be one or more URLs, separated by commas, such as nats://nats.example.com:4222; in a password"
            " write % as %25 and a comma as %2C; a user cannot have a colon"
        )
    return ",".join(urls)


def host_name(text: str) -> str:
    """A host name or an address of IPv4 or IPv6, and nothing else: no scheme, no port. Empty stays empty."""
    host = text.strip()
    if not host:
        return ""
    if "/" in host or "@" in host:
        raise ValueError("it must be a host name or an address, not a URL")
    host = host.removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(host)) if ":" in host else _host(host)
    except ValueError as exc:
        hint = ", without a port" if ":" in host else ""
        raise ValueError(f"it must be a host name or an address{hint}") from exc


def host_names(text: str) -> str:
    """Names and addresses as `host_name`, separated by commas."""
    return ",".join(host.removesuffix(".") for host in map(host_name, text.split(",")) if host)


def _encoded(url: str) -> str:
    """The URL with its user and password in the one spelling of each."""
    scheme, colon, rest = url.partition("://") if "://" in url else ("", "", url)
    user, at, host = rest.rpartition("@")
    return f"{scheme.lower()}{colon}{':'.join(quote(unquote(one), safe='') for one in user.split(':', 1))}{at}{host}"


def _is_of_nats(url: str) -> bool:
    try:
        parts = urlsplit(url if "://" in url else f"nats://{url}")
        has_colon = ":" in unquote(parts.username or "")  # the client would take it for the end of the user
        return parts.scheme in {"nats", "tls"} and bool(parts.hostname) and parts.port != 0 and not has_colon
    except ValueError:  # of a port that is no number, or brackets without an address
        return False


def _split(text: str) -> SplitResult:
    if _BLANK_OR_CONTROL.search(text):
        raise ValueError("it contains a space, a backslash or a control character")
    try:
        return urlsplit(text)
    except ValueError as exc:
        raise ValueError(f"it is not a URL ({exc})") from exc


def _split_web(text: str, wanted: str) -> SplitResult:
    parts = _split(text.strip())
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError(f"it must begin with {wanted}")
    return parts


def _origin(parts: SplitResult) -> str:
    host, port = _host(parts.hostname or ""), _port(parts)
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def _check_nobody(parts: SplitResult) -> None:
    if "@" in parts.netloc:
        raise ValueError("it must not contain a user name or a password")


def _check_bare(text: str, parts: SplitResult) -> None:
    _check_nobody(parts)
    if "?" in text or "#" in text:
        raise ValueError("it must not have a query (?…) or a fragment (#…)")


def _port(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError as exc:
        raise ValueError("its port must be a number from 1 to 65535") from exc
    if port == 0:
        raise ValueError("its port must be a number from 1 to 65535")
    return port


def _host(text: str) -> str:
    """The host in lower case, in ASCII, an IPv6 address in brackets and in its short form."""
    if not text:
        raise ValueError("it must name a host")
    if ":" in text:
        try:
            return f"[{ipaddress.IPv6Address(text)}]"
        except ValueError as exc:
            raise ValueError(f"{text!r} is not an IPv6 address") from exc
    try:
        host = ascii_domain(text)
    except ValueError as exc:
        raise ValueError(f"{text!r} is not a host name; if browsers open it, write it as they do: xn--…") from exc
    if not _HOST_NAME.fullmatch(host) or _looks_like_ipv4_but_is_not(host):
        raise ValueError(f"{text!r} is not a host name")
    return host


def _looks_like_ipv4_but_is_not(host: str) -> bool:
    """A name whose last label is a number is read as an address by browsers; `256.1.1.1` and `8700` are none."""
    if not host.rstrip(".").rpartition(".")[2].isdigit():
        return False
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return True
    return False
