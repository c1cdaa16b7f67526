"""Recipients of alerts, and what they get."""

import re

from tests.domain.webhooks.receiving import Stage
from tests.support.factories import ALICE
from tests.support.written_mails import written_mails

from callmark.domain.alerts import recipients, service as alerts
from callmark.domain.alerts.model import (
    Alert,
    AlertKind,
    Recipient,
)
from callmark.domain.mail.model import Mail

PAUSED = [AlertKind.WEBHOOK_PAUSED.value]
OPS = "ops@elsewhere.example"


def alert(stage: Stage, kind: AlertKind = AlertKind.WEBHOOK_PAUSED) -> Alert:
    links = [("Open the webhook", "http://callmark.test/console/webhooks")]
    return Alert(kind, stage.account_id, "Acme: webhook orders was paused", ["It accepted no event."], links)


async def tell(stage: Stage, kind: AlertKind = AlertKind.WEBHOOK_PAUSED) -> None:
    async with stage.deps.db.transaction() as tx:
        await alerts.tell(tx, stage.deps, alert(stage, kind))


async def mails(stage: Stage) -> list[Mail]:
    return await written_mails(stage.deps)


async def channel(stage: Stage, url: str) -> Recipient:
    return await recipients.add_channel(stage.deps, stage.account_id, "Operations", url, PAUSED, by=ALICE)


async def link_of(stage: Stage, purpose: str, to: str = OPS) -> str:
    newest = next(one for one in reversed(await mails(stage)) if one.to == to)
    return re.findall(rf"/console/alerts/{purpose}/(\S+)", newest.text)[0]
