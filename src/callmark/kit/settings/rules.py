"""What must hold of settings beyond the type of each: addresses in one spelling, and values that fit together."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from callmark.kit.errors import SetupError
from callmark.kit.outbound.addresses import parse_networks
from callmark.kit.outbound.signed_posts import read_secret
from callmark.kit.roles import parse_roles
from callmark.kit.settings import addresses
from callmark.kit.settings.secret import Secret
from callmark.kit.settings.variables import variable_of

if TYPE_CHECKING:
    from callmark.kit.settings.model import Settings

LEAST_SECRET_KEY = 32
"""Characters of the secret key."""

THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


def _roles(text: str) -> str:
    return ",".join(sorted(parse_roles(text)))


_NORMALISED: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("public_url", addresses.public_url),
    ("otlp_endpoint", addresses.collector_url),
    ("object_store", addresses.object_store),
    ("host", addresses.host_name),
    ("admin_host", addresses.host_name),
    ("smtp_host", addresses.host_name),
    ("emulator_hosts", addresses.host_names),
    ("number_code_url", addresses.service_url),
    ("fcm_url", addresses.service_url),
    ("postgres_dsn", addresses.postgres_dsn),
    ("nats_url", addresses.nats_urls),
    ("roles", _roles),
)
"""Settings that have one spelling, and what gives it."""
_TOGETHER = (
    ("nats_certificate", "nats_key"),
    ("smtp_user", "smtp_password"),
    ("number_code_url", "number_code_secret"),
)
"""Settings of which one is of no use without the other."""


def normalise(settings: "Settings") -> None:
    """Brings values to one spelling; the struct is frozen for everyone else. Raises SetupError for unusable ones."""
    for name, normalised in _NORMALISED:
        given: str | Secret | None = getattr(settings, name)
        if given is None:
            continue
        try:
            value = Secret(normalised(given.reveal()), given.file) if isinstance(given, Secret) else normalised(given)
        except ValueError as exc:
            raise SetupError(f"{variable_of(name)} is invalid: {exc}") from exc
        msgspec.structs.force_setattr(settings, name, value)
    for name in ("host", "admin_host"):
        if not getattr(settings, name):
            raise SetupError(f"{variable_of(name)} is empty; set it to an address to listen on, such as 127.0.0.1")


def check(settings: "Settings") -> None:
    """Refuses values that cannot be meant together, and the emulator in the open. Raises SetupError."""
    if settings.emulator and not settings.emulator_force and settings.host not in THIS_MACHINE:
        raise SetupError(
            "emulator mode lets anyone who can reach it control clocks and handsets; it does not start on"
            f" {settings.host}."
            " Listen on 127.0.0.1, or set CALLMARK_EMULATOR_FORCE=true if you trust everyone on that network."
        )
    for name in ("secret_key", "old_secret_key"):
        key: Secret | None = getattr(settings, name)
        if key is not None and len(key.reveal()) < LEAST_SECRET_KEY:
            raise SetupError(f"{variable_of(name)} is too short: it needs {LEAST_SECRET_KEY} or more random characters")
    _check_sender(settings)
    for one, other in _TOGETHER:
        if bool(getattr(settings, one)) != bool(getattr(settings, other)):
            raise SetupError(f"set both {variable_of(one)} and {variable_of(other)}, or neither")
    _check_number_codes(settings)
    for name in ("outgoing_networks", "trusted_proxies"):
        try:
            parse_networks(getattr(settings, name))
        except ValueError as exc:
            raise SetupError(f"{variable_of(name)}: {exc}") from exc


def _check_sender(settings: "Settings") -> None:
    if settings.mail_from:
        from callmark.kit.outbound.sender import sender_of  # many processes send no mail

        try:
            sender_of(settings.mail_from)
        except ValueError as exc:
            raise SetupError(f"CALLMARK_MAIL_FROM is invalid: {exc}") from exc
    elif settings.smtp_host:
        raise SetupError("CALLMARK_SMTP_HOST is set, but CALLMARK_MAIL_FROM is not; set it to the sender of emails")


def _check_number_codes(settings: "Settings") -> None:
    url, secret = settings.number_code_url, settings.number_code_secret
    if secret is None:
        return
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in THIS_MACHINE:
        raise SetupError("CALLMARK_NUMBER_CODE_URL must begin with https://, or with http:// and this machine's name")
    try:
        read_secret(secret.reveal())
    except ValueError as exc:
        raise SetupError("CALLMARK_NUMBER_CODE_SECRET must be whsec_ and base64") from exc
