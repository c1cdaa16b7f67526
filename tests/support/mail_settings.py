"""A mail server in the settings; nothing is sent to it where no worker runs."""

from functools import lru_cache

from msgspec.structs import replace

from callmark.domain.deps import Deps
from callmark.kit.settings import Settings


def with_mail_server(deps: Deps, host: str = "mail.acme.example") -> Deps:
    """As where emails leave; with an empty `host`: as where no server is set."""
    return replace(deps, settings=_with_mail_server(deps.settings, host))


@lru_cache(maxsize=64)
def _with_mail_server(settings: Settings, host: str) -> Settings:
    return replace(settings, smtp_host=host, mail_from="Callmark <no-reply@callmark.example>" if host else "")
