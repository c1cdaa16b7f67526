"""A mail server in the settings; nothing is sent to it where no worker runs."""

import msgspec
from msgspec.structs import replace

from callmark.domain.deps import Deps


def with_mail_server(deps: Deps, host: str = "mail.acme.example") -> Deps:
    """As where emails leave; with an empty `host`: as where no server is set."""
    settings = msgspec.structs.replace(
        deps.settings, smtp_host=host, mail_from="Callmark <no-reply@callmark.example>" if host else ""
    )
    return replace(deps, settings=settings)
