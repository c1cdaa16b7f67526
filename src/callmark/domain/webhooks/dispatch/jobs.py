"""What workers do for webhooks: dispatch."""

from callmark.domain.deps import Deps
from callmark.domain.webhooks import signing
from callmark.domain.webhooks.dispatch.dispatcher import Dispatcher
from callmark.kit.outbound.client import Outbound
from callmark.kit.secret_key import derived
from callmark.kit.work import Work


def check(deps: Deps) -> None:
    """Raises SetupError without the secret key: every delivery is signed."""
    derived(deps.settings, signing.PURPOSE)


def deliveries(deps: Deps, outbound: Outbound) -> Work:
    """The work of delivering events to webhooks."""
    return Dispatcher(deps, outbound).work
