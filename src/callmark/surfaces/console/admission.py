"""Whether a form may be acted on: where it comes from, and whose page it stood on."""

from urllib.parse import urlsplit

import structlog
from starlette.datastructures import UploadFile

from callmark.kit.errors import Forbidden, InvalidInput
from callmark.surfaces.console.visit import Visit

log = structlog.get_logger(__name__)

_OURS = frozenset({"same-origin", "none"})


def check_site(visit: Visit) -> None:
    """Raises Forbidden for what another site's page sends.

    `Sec-Fetch-Site` decides: the browser itself says there which site asks, and no proxy has a reason to rewrite it.
    Without it (old browsers, plain HTTP to another host than localhost), `Origin` must be the public address or the
    address that the page was opened by; if it says nothing (`null`, under a proxy's `Referrer-Policy: no-referrer`),
    `Referer` must. A request with none of the three comes from no browser's page: its CSRF token decides.
    """
    headers = visit.request.headers
    site = headers.get("sec-fetch-site")
    if site is not None:
        if site not in _OURS:
            _refuse(visit, headers.get("origin") or f"a {site} page")
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
    if _origin_of(said) not in expected_origins(visit):
        _refuse(visit, said)


def is_from_our_page(visit: Visit) -> bool:
    """Whether the browser vouches that a page of ours sent this, whatever its token. To be asked after `check_site`."""
    headers = visit.request.headers
    return headers.get("sec-fetch-site") == "same-origin" or bool(headers.get("origin") or headers.get("referer"))


def expected_origins(visit: Visit) -> list[str]:
    """Where our pages are reached: the public address, then the address of this request."""
    public = _origin_of(visit.deps.public_url)
    host = visit.request.headers.get("host", "").lower()
    return list(dict.fromkeys([public, *(f"{scheme}://{host}" for scheme in ("https", "http") if host)]))


def check_text(visit: Visit) -> None:
    """Raises InvalidInput for NUL characters: no browser's field holds one, and PostgreSQL takes none."""
    sent = visit.sent.multi_items() if visit.sent else []
    texts = [value.filename or "" if isinstance(value, UploadFile) else value for _, value in sent]
    in_path = [value for value in visit.request.path_params.values() if isinstance(value, str)]
    if any("\0" in text for text in (*visit.request.query_params.values(), *texts, *in_path)):
        raise InvalidInput("A field contains an invalid character.")


def _refuse(visit: Visit, said: str) -> None:
    expected = expected_origins(visit)
    log.warning("form_refused", path=visit.path, origin=said[:200], expected=expected, address=visit.origin.address)
    raise Forbidden(
        f"This form was sent from {said[:200]}, but this console is at {' or '.join(expected)}. Open the console at"
        " that address and try again. Behind a reverse proxy, set CALLMARK_PUBLIC_URL to the address that browsers use."
    )


def _origin_of(url: str) -> str:
    """Scheme, host and port of an address, as browsers write them."""
    try:
        parts = urlsplit(url)
    except ValueError:  # of no page that a browser shows
        return url.lower()
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].removesuffix(default)}".lower()
