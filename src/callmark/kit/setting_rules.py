"""What must hold of settings beyond the type of each: addresses in one spelling, and values that fit together."""

from collections.abc import Callable
from email.utils import parseaddr
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from callmark.kit import setting_addresses
from callmark.kit.addresses import parse_networks
from callmark.kit.errors import SetupError
from callmark.kit.roles import parse_roles
from callmark.kit.secret_value import Secret
from callmark.kit.signed_posts import read_secret

if TYPE_CHECKING:
    from callmark.kit.settings import Settings

PREFIX = "CALLMARK_"
LEAST_SECRET_KEY = 32
"""Characters of the secret key."""

THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


def _roles(text: str) -> str:
    return ",".join(sorted(parse_roles(text)))


_NORMALISED: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("public_url", setting_addresses.public_url),
    ("otlp_endpoint", setting_addresses.collector_url),
    ("object_store", setting_addresses.object_store),
    ("host", setting_addresses.host_name),
    ("admin_host", setting_addresses.host_name),
    ("smtp_host", setting_addresses.host_name),
    ("emulator_hosts", setting_addresses.host_names),
    ("number_code_url", setting_addresses.service_url),
    ("fcm_url", setting_addresses.service_url),
    ("postgres_dsn", setting_addresses.postgres_dsn),
    ("nats_url", setting_addresses.nats_urls),
    ("roles", _roles),
)
"""Settings that have one spelling, and what gives it."""


def normalise(settings: "Settings") -> None:
    """Brings values to one spelling; the struct is frozen for everyone else. Raises SetupError for unusable ones."""
    for name, normalised in _NORMALISED:
        given: str | Secret | None = getattr(settings, name)
        if given is None:
            continue
        try:
            text = normalised(given.reveal() if isinstance(given, Secret) else given)
        except ValueError as exc:
            raise SetupError(f"{PREFIX}{name.upper()} is invalid: {exc}") from exc
        msgspec.structs.force_setattr(settings, name, Secret(text) if isinstance(given, Secret) else text)
    for name in ("host", "admin_host"):
        if not getattr(settings, name):
            variable = f"{PREFIX}{name.upper()}"
            raise SetupError(f"{variable} is empty; set it to an address to listen on, such as 127.0.0.1")


def check(settings: "Settings") -> None:
    """Refuses values that cannot be meant together, and the emulator in the open. Raises SetupError."""
    if settings.emulator and not settings.emulator_force and settings.host not in THIS_MACHINE:
        raise SetupError(
            "emulator mode lets anyone who can reach it control clocks and handsets; it does not start on"
            f" {settings.host}."
            " Listen on 127.0.0.1, or set CALLMARK_EMULATOR_FORCE=true if you trust everyone on that network."
        )
    if settings.secret_key is not None and len(settings.secret_key.reveal()) < LEAST_SECRET_KEY:
        raise SetupError(f"CALLMARK_SECRET_KEY is too short: it needs {LEAST_SECRET_KEY} or more random characters")
    if settings.smtp_host and "@" not in parseaddr(settings.mail_from)[1]:
        raise SetupError(
            "CALLMARK_SMTP_HOST is set, but CALLMARK_MAIL_FROM has no email address; set it to the sender of mails"
        )
    if (settings.nats_certificate is None) != (settings.nats_key is None):
        raise SetupError("set both CALLMARK_NATS_CERTIFICATE and CALLMARK_NATS_KEY, or neither")
    if bool(settings.smtp_user) != (settings.smtp_password is not None):
        raise SetupError("set both CALLMARK_SMTP_USER and CALLMARK_SMTP_PASSWORD, or neither")
    _check_number_codes(settings)
    for variable, networks in (
        ("CALLMARK_OUTGOING_NETWORKS", settings.outgoing_networks),
        ("CALLMARK_TRUSTED_PROXIES", settings.trusted_proxies),
    ):
        try:
            parse_networks(networks)
        except ValueError as exc:
            raise SetupError(f"{variable}: {exc}") from exc


def _check_number_codes(settings: "Settings") -> None:
    url, secret = settings.number_code_url, settings.number_code_secret
    if bool(url) != (secret is not None):
        raise SetupError("set both CALLMARK_NUMBER_CODE_URL and CALLMARK_NUMBER_CODE_SECRET, or neither")
    if secret is None:
        return
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in THIS_MACHINE:
        raise SetupError("CALLMARK_NUMBER_CODE_URL must begin with https://, or with http:// and this machine's name")
    try:
        read_secret(secret.reveal())
    except ValueError as exc:
        raise SetupError("CALLMARK_NUMBER_CODE_SECRET must be whsec_ and base64") from exc
