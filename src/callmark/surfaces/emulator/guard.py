"""Who may use the emulator: its own pages and this machine's programs, not any page that the developer's browser shows.

The emulator has no users to sign in, and a browser on this machine reaches loopback for every site it shows. So each
request says what only a browser can say: which name it asked for (`Host`; a name that an attacker points at loopback is
still the attacker's name) and whose page asks (`Sec-Fetch-Site`, `Origin`). Programs elsewhere send a token.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from ipaddress import ip_address
from urllib.parse import urlsplit

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from callmark.domain.deps import Deps
from callmark.kit.engines.data_directory import write_private
from callmark.kit.errors import Forbidden, SetupError
from callmark.kit.secret_key import derived
from callmark.kit.settings import Settings
from callmark.surfaces.http import bearer, render_error

log = structlog.get_logger(__name__)

TOKEN_FILE = "emulator-token"
"""In the data directory, 0600."""

_OPEN = re.compile(
    r"/(healthz|readyz(/[a-z_]+)?|asyncapi\.json|((handset|emulator)/)?openapi\.json)|/docs(/.*)?|/(static|logos|downloads|stir|brand)/.*"
    r"|/(clients|v2|v3|extensions)/.*"  # the REST API: every request brings a token or a key of its own
)
_SINK = re.compile(r"/emulator/v1/sinks/[^/]+")
"""Webhooks come under any name of this machine, from programs: no page of another site posts here, to fill the disk."""

_NO_ORIGIN_RULE = re.compile(r"/console(/.*)?")
"""The console has sessions, and its own rule for what other sites' pages send."""

_PAGE = re.compile(r"/|/emulator(/client|/handsets(/[^/]*)?|/mails(/[^/]*)?)?")
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_ORIGIN = re.compile(rf"https?://(?P<host>{_HOST.pattern})")
_LONGEST_SAID = 100
_POLICY_VIOLATION = 1008


def emulator_token(settings: Settings) -> str:
    """The token for programs elsewhere; empty when this process lacks the secret key that it is derived from."""
    try:
        key = derived(settings, "emulator token")
    except SetupError:
        return ""
    return f"cm_emulator_{urlsafe_b64encode(key).decode().rstrip('=')}"


def keep_token(settings: Settings) -> None:
    """Writes the token where the installation's owner finds it."""
    if token := emulator_token(settings):
        settings.data.mkdir(parents=True, exist_ok=True)
        write_private(settings.data / TOKEN_FILE, token.encode())


class Guard:
    """Runs before every surface of an installation in emulator mode; what it refuses gets 403 and a log line."""

    def __init__(self, app: ASGIApp, deps: Deps) -> None:
        self._app = app
        self._public = urlsplit(deps.public_url)
        self._token = emulator_token(deps.settings)
        self._on_loopback = _is_loopback(deps.settings.host)
        self._partners = set(deps.settings.emulator_hosts.split(",")) - {""}
        self._names = {deps.settings.host, self._public.hostname or "", *self._partners} - {""}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what may come in."""
        if scope["type"] in {"http", "websocket"} and (refused := self._refusal(scope)):
            log.warning("emulator_refused", why=refused)
            await _refuse(scope, receive, send, Forbidden(refused))
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str:
        """Why this request may not come in; empty when it may."""
        path, method = scope["path"], scope.get("method", "GET")
        if _OPEN.fullmatch(path) or self._has_token(scope):
            return ""
        hosts = _all(scope, b"host")
        is_sink = method == "POST" and _SINK.fullmatch(path) is not None
        if len(hosts) != 1 or not (is_sink or self._is_ours(hosts[0])):
            said = hosts[0][:_LONGEST_SAID] if hosts else ""
            return (
                f"the emulator has no address {said!r}; open {self._public.geturl()}, set CALLMARK_EMULATOR_HOSTS"
                " to the names it has, or send the emulator token"
            )
        if _NO_ORIGIN_RULE.fullmatch(path) or self._is_of_ours(scope, hosts[0]):
            return ""
        origin = ", ".join(_all(scope, b"origin"))[:_LONGEST_SAID] or "another site"
        return f"a page of {origin} may not use the emulator; open {self._public.geturl()}, or send the emulator token"

    def _has_token(self, scope: Scope) -> bool:
        sent = bearer(scope)
        return bool(self._token and sent) and hmac.compare_digest(sent.encode(), self._token.encode())

    def _is_ours(self, host: str) -> bool:
        """Whether nobody else can own this name."""
        if not _HOST.fullmatch(host):
            return False
        name = _name_of(host)
        if name in self._names or _is_loopback(name):
            return True
        return not self._on_loopback and _is_address(name)  # an address cannot be pointed elsewhere, as a name can

    def _is_of_ours(self, scope: Scope, host: str) -> bool:
        """Whether no other site's page asks. A link on one may lead to a page of ours."""
        site = _all(scope, b"sec-fetch-site")
        if site and not set(site) <= {"same-origin", "none"}:
            return _is_followed_link(scope) or self._is_partner(scope)
        origins = _all(scope, b"origin")
        return bool(site) or all(self._is_own_origin(origin, host) for origin in origins) or self._is_partner(scope)

    def _is_own_origin(self, origin: str, host: str) -> bool:
        found = _ORIGIN.fullmatch(origin.lower())
        return found is not None and found["host"] in {host.lower(), self._public.netloc.lower()}

    def _is_partner(self, scope: Scope) -> bool:
        """Whether a page of a configured name asks."""
        found = [_ORIGIN.fullmatch(origin) for origin in _all(scope, b"origin")]
        return len(found) == 1 and found[0] is not None and _name_of(found[0]["host"]) in self._partners


def _is_followed_link(scope: Scope) -> bool:
    return (
        scope.get("method") == "GET"
        and _PAGE.fullmatch(scope["path"]) is not None
        and _all(scope, b"sec-fetch-mode") == ["navigate"]
        and _all(scope, b"sec-fetch-dest") == ["document"]
    )


def _all(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _name_of(host: str) -> str:
    name = host[: host.index("]") + 1] if host.startswith("[") else host.partition(":")[0]
    return name.strip("[]").rstrip(".").lower()


def _is_loopback(name: str) -> bool:
    """Whether the name means this machine wherever it is asked for (RFC 6761 for names below `localhost`)."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return _is_address(name) and ip_address(name).is_loopback


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


async def _refuse(scope: Scope, receive: Receive, send: Send, error: Forbidden) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": error.message})
        return
    await render_error(error).send(send)
