"""What the platform says, read through its public ways, for the history."""

import asyncio
import contextlib
from collections import defaultdict
from time import monotonic
from typing import Any

from callmark.kit.tasks import results_of
from chaos.api import Answer, Api, patiently
from chaos.checker import history
from chaos.leaks import LogSearch
from chaos.load import Load
from chaos.people import Business
from chaos.processes import descriptors, memory_kb
from chaos.stage import Stage

AT_ONCE = 8
PAGE = 500


class NotReadError(Exception):
    """A reading was not answered, although everything was healed."""


class Reading:
    """Reads what has not been read to its end: batches and records without an outcome, new events and audit entries."""

    def __init__(self, stage: Stage, load: Load) -> None:
        self._stage = stage
        self._load = load
        self._batches: dict[str, Business] = {}
        self._records: dict[str, Business] = {}
        """Records to be read each on its own: pushed in real time, or by a push whose answer was lost."""
        self._known: set[str] = set()
        self._read_at: dict[str, float] = defaultdict(float)
        self._after: dict[str, int] = defaultdict(int)
        self._audit_seen: dict[str, str] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._search = LogSearch()

    async def of_cycle(self) -> None:
        """What can be read at any time."""
        for business, batch_id in self._load.pushes.take_batches():
            self._batches[batch_id] = business
        self._find_records()
        await results_of(
            [self._read_batch(business, batch_id) for batch_id, business in list(self._batches.items())]
            + [self._read_record(business, key) for key, business in list(self._records.items())]
        )
        await results_of([self._read_events(business) for business in self._stage.businesses])
        await results_of([self._read_audit(business) for business in self._stage.businesses])
        for handset in self._stage.handsets.values():
            handset.drop_old()
            if handset.is_synced:
                self._stage.history.note(handset.holds())

    async def at_rest(self) -> None:
        """What can be judged only while nothing goes on."""
        for business in self._stage.businesses:
            await self._read_numbers(business)
            await self._read_names(business)
            for delivery in await self.deliveries(business):
                self._stage.history.note(delivery)
        work = await self.work()
        self._stage.history.note(history.Work(work=work, at=monotonic()))
        for name, pid in self._stage.platform.processes().items():
            with contextlib.suppress(OSError):
                self._stage.history.note(
                    history.Usage(
                        process=name,
                        pid=pid,
                        memory_kb=memory_kb(pid),
                        descriptors=descriptors(pid),
                        at=monotonic(),
                    )
                )

    async def logs(self) -> None:
        """What the platform and its engines have written meanwhile, searched for secrets and phone numbers."""
        stage = self._stage
        files = [*stage.history.path.parent.glob("*.log"), *stage.engines.logs.glob("*.log")]
        for entry in await asyncio.to_thread(self._search.look, files, stage.secrets):
            stage.history.note(entry)

    @property
    def is_settled(self) -> bool:
        """Whether every batch that was read is done, and every record has its outcome."""
        return not self._batches and not self._records

    async def work(self) -> dict[str, int]:
        """How much there is to do, without the periodic jobs: the next one is always due soon."""
        work = (await self._got(self._stage.api, "/emulator/v1/work"))["work"]
        return {name: count for name, count in work.items() if name != "periodic"}

    async def deliveries(self, business: Business) -> list[history.Delivery]:
        """Those that have not ended well."""
        found: list[history.Delivery] = []
        for state in ("pending", "rescheduled", "failed", "stopped", "webhook_not_found"):
            path = f"{business.extensions}/webhook_deliveries"
            body = await self._got(business, path, query={"state": state, "limit": "1000"})
            found += [
                history.Delivery(account=business.account, event_id=one["event_id"], state=state, at=monotonic())
                for one in body["deliveries"]
            ]
        return found

    # records ----------------------------------------------------------------------------------------------------------

    def _find_records(self) -> None:
        """What handsets were sent and no batch names, and what was withdrawn."""
        self._records |= dict.fromkeys(self._load.pushes.take_cancelled(), self._stage.businesses[0])
        for handset in self._stage.handsets.values():
            for record_id in handset.seen - self._known:
                self._known.add(record_id)
                self._records[record_id] = self._stage.businesses[0]

    async def _read_batch(self, business: Business, batch_id: str) -> None:
        path = f"{business.extensions}/batches/{batch_id}"
        began = monotonic()
        body = await self._got(business, path, query={"limit": str(PAGE)})
        ids = [record["record_id"] for record in body["records"]]
        for record in body["records"]:
            self._note_record(record, began)
            self._known.add(record["record_id"])
            self._records.pop(record["record_id"], None)
        self._stage.history.note(
            history.Batch(
                batch_id=batch_id,
                record_count=body["record_count"],
                done=body["done"],
                record_ids=ids,
                at=monotonic(),
            )
        )
        if body["done"]:
            del self._batches[batch_id]

    async def _read_record(self, business: Business, record_id: str) -> None:
        for asked in (business, *(one for one in self._stage.businesses if one is not business)):
            began = monotonic()
            answer = await self._asked(asked, f"{asked.extensions}/records/{record_id}")
            if answer.is_taken:
                self._note_record(answer.body, began)
                if answer.body["outcome"] != "pending":
                    self._records.pop(record_id, None)
                return
        raise NotReadError(f"record {record_id} cannot be read")

    def _note_record(self, said: dict[str, Any], began: float) -> None:
        """Unless it was read in the meantime: of two readings at once, nobody knows which is the later one."""
        if began < self._read_at[said["record_id"]]:
            return
        self._read_at[said["record_id"]] = monotonic()
        shown = said if said["outcome"] != "invalid" else said["submitted"]
        self._stage.history.note(
            history.Record(
                record_id=said["record_id"],
                reason=shown["call_reason"],
                receiver=shown["receiver_number"],
                outcome=said["outcome"],
                at=began,
                ends_ms=shown["ends_at"],
                batch_id=said["batch_id"],
                first_outcome=said["first_outcome"],
                accepted_at=said["accepted_at"],
                sent_at=said["sent_at"],
                settled_at=said["settled_at"],
                delivered_late_at=said["delivered_late_at"],
                withdrawn_at=said["withdrawn_at"],
            )
        )

    # accounts ---------------------------------------------------------------------------------------------------------

    async def _read_events(self, business: Business) -> None:
        began = monotonic()
        while True:
            query = {"after": str(self._after[business.account]), "limit": "1000"}
            body = await self._got(business, f"{business.extensions}/events", query=query)
            for one in body["events"]:
                self._stage.history.note(_event(business.account, one))
            self._after[business.account] = body["next_after"]
            if not body["events"] or body["next_after"] >= body["last_number"]:
                break
        self._stage.history.note(
            history.EventsRead(account=business.account, last_number=body["last_number"], at=began)
        )

    async def _read_audit(self, business: Business) -> None:
        """Newest first, until what was read before."""
        after, newest, seen = "", "", self._audit_seen.get(business.account, "")
        while True:
            query = {"limit": "100"} | ({"after": after} if after else {})
            body = await self._got(business, f"{business.extensions}/audit_log", query=query)
            for entry in body["entries"]:
                newest = newest or entry["id"]
                if entry["id"] == seen:
                    break
                self._stage.history.note(
                    history.Audited(
                        account=business.account,
                        audit_id=entry["id"],
                        action=entry["action"],
                        subject=entry["subject"],
                    )
                )
            else:
                if body["next_after"]:
                    after = body["next_after"]
                    continue
            break
        self._audit_seen[business.account] = newest or seen

    async def _read_numbers(self, business: Business) -> None:
        rows = await self._pages(business, "numbers", "numbers")
        numbers = [(row["phone_number"], row["state"], row["feature_set_name"]) for row in rows]
        self._stage.history.note(history.Listed(account=business.account, numbers=numbers, at=monotonic()))

    async def _read_names(self, business: Business) -> None:
        """What changes have made; deleted once it has been seen."""
        began = monotonic()
        rows = await self._pages(business, "call_reasons", "call_reasons")
        names = [(row["call_reason"], row["id"]) for row in rows]
        self._stage.history.note(history.Named(account=business.account, names=names, at=began))

    async def clean_up(self) -> None:
        """Deletes what changes have made, after it has been checked, so that lists stay short."""
        for business in self._stage.businesses:
            for row in await self._pages(business, "call_reasons", "call_reasons"):
                await self._load.errands.remove_change(business, row["id"], row["call_reason"])

    async def _pages(self, business: Business, path: str, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        after = ""
        while True:
            query = {"limit": "1000"} | ({"after": after} if after else {})
            body = await self._got(business, f"{business.extensions}/{path}", query=query)
            rows += body[name]
            if not body["next_after"]:
                return rows
            after = body["next_after"]

    # ------------------------------------------------------------------------------------------------------------------

    async def _got(self, of: Api | Business, path: str, **options: Any) -> Any:
        answer = await self._asked(of, path, **options)
        if not answer.is_taken:
            raise NotReadError(f"{answer.status} {answer.body}")
        return answer.body

    async def _asked(self, of: Api | Business, path: str, **options: Any) -> Answer:
        async with self._gate:
            return await patiently(lambda: of.ask("GET", path, **options))


def _event(account: str, one: dict[str, Any]) -> history.Event:
    event = one["event"]
    kind = event["event_type"]
    payload = event[f"{kind}_payload"]
    marker = payload["alternate_number"] if kind == "cmb" else payload["responses"][0]["answer"]
    return history.Event(
        account=account,
        number=one["number"],
        event_id=event["event_id"],
        kind=kind,
        marker=marker,
        at=monotonic(),
    )
