"""Whether a form may be acted on: where it comes from, and whose page it stood on."""

from urllib.parse import urlsplit

import structlog
from starlette.datastructures import UploadFile

from callmark.kit.errors import Forbidden, InvalidInput
from callmark.surfaces.console import cookies
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.observed import route_of

log = structlog.get_logger(__name__)

_OURS = frozenset({"same-origin", "none"})


def check_site(request: ConsoleRequest) -> None:
    """Raises Forbidden for what another site's page sends.

    `Sec-Fetch-Site` decides: the browser itself says there which site asks, and no proxy has a reason to rewrite it.
    Without it (old browsers, plain HTTP to another host than localhost), `Origin` must be the public address or the
    address that the page was opened by; if it says nothing (`null`, under a proxy's `Referrer-Policy: no-referrer`),
    `Referer` must. A request with none of the three comes from no browser's page: its CSRF token decides.
    """
    headers = request.http.headers
    site = headers.get("sec-fetch-site")
    if site is not None:
        if site not in _OURS:
            _refuse(request, headers.get("origin") or f"a {site} page")
        return
    origin, referer = headers.get("origin"), headers.get("referer")
    if origin is not None and origin != "null":
        said = origin
    elif referer:
        said = _origin_of(referer)
    elif origin == "null":
        said = "null"
    else:
        return
    if _origin_of(said) not in expected_origins(request):
        _refuse(request, said)


def is_from_our_page(request: ConsoleRequest) -> bool:
    """Whether the browser vouches that a page of ours sent this, whatever its token. To be asked after `check_site`."""
    headers = request.http.headers
    return headers.get("sec-fetch-site") == "same-origin" or bool(headers.get("origin") or headers.get("referer"))


def expected_origins(request: ConsoleRequest) -> list[str]:
    """Where our pages are reached: the public address, then the address of this request."""
    public = _origin_of(request.deps.public_url)
    host = request.http.headers.get("host", "").lower()
    return list(dict.fromkeys([public, *(f"{scheme}://{host}" for scheme in ("https", "http") if host)]))


def check_cookies(request: ConsoleRequest) -> None:
    """Raises Forbidden where a browser that should have sent a cookie of ours sent none: no form of it would ever fit.

    Over http it keeps none of an https installation's, nor does one that refuses cookies. A page says so at once,
    because no later one could: a message for the next page is a cookie too.
    """
    if cookies.are_any(request.http, at=request.deps.public_url):
        return
    public = _origin_of(request.deps.public_url)
    _log(request, request.http.headers.get("origin") or "", [public], reason="no cookies")
    raise Forbidden(
        f"This browser did not send back the cookies that this form needs. Open the console at {public}, allow cookies"
        " for that address, and try again."
    )


def check_text(request: ConsoleRequest) -> None:
    """Raises InvalidInput for NUL characters: no browser's field holds one, and PostgreSQL takes none."""
    sent = request.sent.multi_items() if request.sent else []
    texts = [value.filename or "" if isinstance(value, UploadFile) else value for _, value in sent]
    in_path = [value for value in request.http.path_params.values() if isinstance(value, str)]
    if any("\0" in text for text in (*request.http.query_params.values(), *texts, *in_path)):
        raise InvalidInput("A field contains an invalid character.")


def _refuse(request: ConsoleRequest, said: str) -> None:
    expected = expected_origins(request)
    _log(request, said, expected, reason="another site")
    raise Forbidden(
        f"This form was sent from {said[:200]}, but this console is at {' or '.join(expected)}. Open the console at"
        " that address and try again. Behind a reverse proxy, set CALLMARK_PUBLIC_URL to the address that browsers use."
    )


def _log(request: ConsoleRequest, said: str, expected: list[str], *, reason: str) -> None:
    log.warning(
        "form_refused",
        route=route_of(request.http.scope),
        reason=reason,
        origin=said[:200],
        expected=expected,
        address=request.origin.address,
    )


def _origin_of(url: str) -> str:
    """Scheme, host and port of an address, as browsers write them."""
    try:
        parts = urlsplit(url)
    except ValueError:  # of no page that a browser shows
        return url.lower()
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].removesuffix(default)}".lower()
