"""NATS in the settings: its servers, the files by which both sides know each other, and server versions."""

import re
import ssl
from pathlib import Path
from typing import Any, NamedTuple

from callmark.kit.errors import SetupError
from callmark.kit.fabric.user_key import UserKey
from callmark.kit.settings import Settings


class NatsAccess(NamedTuple):
    """The files of the settings: how servers know us, and how we know them. They are read for each new connection."""

    credentials: Path | None = None
    """A `.creds` file, or the seed of an NKEY user alone."""
    ca: Path | None = None
    """Certificates that may have signed a server's; without it, those of the system."""
    certificate: Path | None = None
    key: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> "NatsAccess":
        """The files that the settings name."""
        return cls(settings.nats_credentials, settings.nats_ca, settings.nats_certificate, settings.nats_key)

    def check(self) -> None:
        """Raises SetupError when a file cannot be used."""
        if self.credentials:
            _check_credentials(self.credentials)
        if not self.ca and not self.certificate:
            return  # reading the system's certificates takes longer than to connect
        try:
            self.tls_context()
        except OSError as exc:  # what is wrong with a certificate is one too
            names = ", ".join(str(path) for path in (self.ca, self.certificate, self.key) if path)
            raise SetupError(
                "CALLMARK_NATS_CA, CALLMARK_NATS_CERTIFICATE, CALLMARK_NATS_KEY: cannot use"
                f" {names}: {exc.strerror or exc}"
            ) from exc

    def tls_context(self) -> ssl.SSLContext:
        """What TLS is checked with. Raises OSError for files that cannot be used."""
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context

    def options(self) -> dict[str, Any]:
        """The arguments for nats-py that carry the credentials."""
        return {"user_credentials": str(self.credentials)} if self.credentials else {}


NO_FILES = NatsAccess()
"""For servers whose URL says all."""


def seeds(urls: str) -> list[str]:
    """The servers of a setting: URLs separated by commas. Any one of them is enough; it names the others."""
    return [url.strip() for url in urls.split(",") if url.strip()]


def _check_credentials(path: Path) -> None:
    try:
        UserKey.read(path)
    except OSError as exc:
        raise SetupError(f"CALLMARK_NATS_CREDENTIALS: cannot read {path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise SetupError(f"CALLMARK_NATS_CREDENTIALS: {exc}") from exc


def version_of(text: str) -> tuple[int, ...]:
    """The first three numbers of a version."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
