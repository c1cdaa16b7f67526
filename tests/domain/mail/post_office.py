"""A post office for one test: mails are enqueued, sent by the worker's job through a server, and looked at."""

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from tests.kit.outbound.mailing import Inbox

from callmark.domain.deps import Deps
from callmark.domain.mail import jobs, service as mail
from callmark.domain.mail.model import Mail
from callmark.kit.settings import Settings
from callmark.kit.worker import Worker

FROM = "Callmark <no-reply@callmark.example>"


class Post(Struct):
    """A post office for one test, with mail settings of its own."""

    deps: Deps

    @property
    def settings(self) -> Settings:
        return self.deps.settings

    def at(self, inbox: Inbox, **settings: object) -> "Post":
        return self.with_(smtp_host="127.0.0.1", smtp_port=inbox.port, mail_from=FROM, smtp_tls="none", **settings)

    def with_(self, **settings: object) -> "Post":
        return Post(replace(self.deps, settings=msgspec.structs.replace(self.settings, **settings)))

    async def enqueue(self, to: str = "alice@acme.example", subject: str = "Grüße", text: str = "Hello.\n") -> None:
        async with self.deps.db.transaction() as tx:
            await mail.enqueue(tx, to=to, subject=subject, text=text, html="<p>Hello.</p>", now=self.deps.clock.now())

    async def run_due(self) -> int:
        work = jobs.mails(self.deps)
        worker = Worker(self.deps.db, self.deps.gather, self.deps.fabric, self.deps.clock, self.deps.real_clock)
        return await worker.run_due(work) if work.ready() else 0

    async def kept(self) -> list[Mail]:
        async with self.deps.db.connection() as tx:
            return await mail.list_mails(tx, 1000)

    async def only(self) -> Mail:
        (found,) = await self.kept()
        return found
