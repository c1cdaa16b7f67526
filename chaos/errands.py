"""What businesses do beside pushing: numbers, changes, downloads, and more requests than they may."""

import asyncio
import csv
import io
import random
from collections.abc import Mapping
from time import monotonic

from chaos.api import Answer, patiently
from chaos.checker import history
from chaos.console import ConsoleMember
from chaos.numbering import Numbering
from chaos.operation import PAUSE_S, TRIES, Carry
from chaos.people import LOWERED, Business
from chaos.stage import Stage

POOL = [str(918_050_000_000 + number) for number in range(40)]
"""Numbers that both businesses list and delist."""
AT_A_TIME = 6
BURST = 14
WINDOWS_S = {"extensions": 1.0, "lint": 60.0}


class Errands:
    """Carries them out; a change with a key is repeated until it is answered."""

    def __init__(self, stage: Stage, names: Numbering) -> None:
        self._stage = stage
        self._names = names
        self._unanswered: dict[str, tuple[Business, str]] = {}
        self._console = ConsoleMember(stage.api)

    @property
    def operations(self) -> Mapping[str, Carry]:
        """By kind."""
        return {
            "list numbers": self._list_numbers,
            "delist numbers": self._delist_numbers,
            "change": self._change,
            "change on the console": self._change_on_console,
            "download": self._download,
            "burst over a limit": self._burst,
        }

    async def settle(self) -> bool:
        """Repeats what was not answered, once; whether nothing is left."""
        for key, (business, text) in list(self._unanswered.items()):
            await self._try_create(business, key, text)
        return not self._unanswered

    async def close(self) -> None:
        """Closes the browsers."""
        await self._console.close()

    async def _list_numbers(self, chance: random.Random) -> bool:
        return await self._numbers(chance, "publish")

    async def _delist_numbers(self, chance: random.Random) -> bool:
        return await self._numbers(chance, "delist")

    async def _numbers(self, chance: random.Random, how: str) -> bool:
        business = chance.choice(self._stage.businesses)
        feature_set = business.feature_sets[chance.choice(["Numbers one", "Numbers two"])]
        path = f"{business.path}/number_management/feature_sets/{feature_set}/numbers/{how}"
        return (await business.ask("POST", path, body={"phone_numbers": chance.sample(POOL, AT_A_TIME)})).is_taken

    async def _change(self, chance: random.Random) -> bool:
        business = chance.choice(self._stage.businesses)
        tag, number = self._names.tag, self._names.next()
        key, text = f"change-{tag}-{number}", f"About {tag} {number} of yours"
        self._unanswered[key] = (business, text)
        for _ in range(TRIES):
            if await self._try_create(business, key, text):
                return True
            await asyncio.sleep(PAUSE_S)
        return False

    async def _try_create(self, business: Business, key: str, text: str) -> bool:
        answer = await business.ask("POST", f"{business.extensions}/call_reasons", body={"call_reason": text}, key=key)
        made_id = answer.body["id"] if answer.is_taken else ""
        self._note_change(business, "call_reason.created", text, answer, key=key, made_id=made_id)
        if not answer.is_unsure and answer.status not in {401, 429}:
            self._unanswered.pop(key, None)
            return True
        return False

    def _note_change(
        self, business: Business, action: str, subject: str, answer: Answer, *, key: str = "", made_id: str = ""
    ) -> None:
        self._stage.history.note(
            history.Change(
                account=business.account,
                action=action,
                subject=subject,
                sent=answer.sent,
                answered=answer.answered,
                status=answer.status,
                key=key,
                made_id=made_id,
            )
        )

    async def remove_change(self, business: Business, reason_id: str, text: str) -> None:
        """Deletes what a change has made, so that lists stay short."""
        answer = await business.ask("DELETE", f"{business.extensions}/call_reasons/{reason_id}")
        self._note_change(business, "call_reason.deleted", text, answer)

    async def _change_on_console(self, chance: random.Random) -> bool:
        business = chance.choice(self._stage.businesses)
        text = f"Said {self._names.tag} {self._names.next()} by hand"
        answer = await self._console.add_call_reason(business, text)
        self._note_change(business, "call_reason.created", text, answer)
        return answer.is_taken

    async def _download(self, chance: random.Random) -> bool:
        business = chance.choice(self._stage.businesses)
        now = self._stage.clock.now_ms() // 1000
        query = {"from": str(now - 86_400), "to": str(now + 60)}
        asked = monotonic()
        logs = f"{business.path}/openapi/callback-logs/summary"
        link = await patiently(lambda: business.ask("GET", logs, query=query))
        if not link.is_taken:
            return False
        file = await patiently(lambda: self._stage.api.ask("GET", link.body["url"]))
        if not file.is_taken or len(file.body.encode()) != int(file.headers.get("content-length", "-1")):
            return False
        markers = [row["alternate_number"] for row in csv.DictReader(io.StringIO(file.body))]
        self._stage.history.note(history.Download(account=business.account, kind="cmb", asked=asked, markers=markers))
        return True

    async def _burst(self, chance: random.Random) -> bool:
        bucket = chance.choice(list(LOWERED))
        business = self._stage.limited
        return any(await asyncio.gather(*(self._counted(business, bucket) for _ in range(BURST))))

    async def _counted(self, business: Business, bucket: str) -> bool:
        if bucket == "lint":
            answer = await business.ask("POST", f"{business.extensions}/lint?generation=v2", body={})
        else:
            query = {"receiver_number": "919840000000", "caller_number": "918040770001"}
            answer = await business.ask("GET", f"{business.extensions}/resolve", query=query)
        self._stage.history.note(
            history.Request(
                bucket=f"{bucket} of {business.token[-6:]}",
                quota=LOWERED[bucket],
                window_s=WINDOWS_S[bucket],
                sent=answer.sent,
                answered=answer.answered,
                status=answer.status,
            )
        )
        return answer.is_taken
