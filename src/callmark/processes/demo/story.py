"""The demo's story, through REST like any client: push in bulk and in real time, ring, see it, hear the answer."""

import secrets
from datetime import datetime
from time import perf_counter
from typing import Any

import httpx

from callmark.domain.deps import Deps
from callmark.instants import to_ms
from callmark.processes.demo.answers import RECEIVER as ANSWERING_RECEIVER, Answers, story_webhook
from callmark.processes.demo.credentials import AccountOut, Credentials
from callmark.processes.demo.sip_call import tell_sip_call
from callmark.processes.demo.step_printer import StepPrinter
from callmark.processes.demo.story_run import StoryFailed, StoryRun, expect, until

BULK_RECEIVER, REAL_TIME_RECEIVER = "919900000001", "919900000002"
RECEIVERS = BULK_RECEIVER, REAL_TIME_RECEIVER, ANSWERING_RECEIVER
HANDSETS_WITHIN_S = 20.0
STATUS_WITHIN_S = 15.0
_MINUTE_MS = 60_000
_OK, _TOO_MANY, _NOT_YET = 200, 429, 503


class Story:
    """Tells the story of one running demo."""

    def __init__(
        self, http: httpx.AsyncClient, credentials: Credentials, printer: StepPrinter, deps: Deps, *, sip: bool = False
    ) -> None:
        self._http = http
        self._credentials = credentials
        self._run = StoryRun(http, printer)
        self._deps = deps
        self._sip = sip

    async def tell(self) -> bool:
        """Runs all steps, a line each; False when one failed, after it has printed what was expected and what came."""
        acme, borealis = self._credentials.accounts
        try:
            await self._handsets()
            token = await self._token(acme)
            record = await self._record(acme, BULK_RECEIVER, f"Your order {_some_number()} arrives today")
            await self._bulk(acme, token, record)
            await self._ring(acme, record, "answered")
            async with story_webhook(self._deps, acme, self._credentials.base_url) as secret:
                await Answers(self._run, acme, token, secret).tell()
            token = await self._token(borealis)
            record = await self._record(borealis, REAL_TIME_RECEIVER, f"About your card request {_some_number()}")
            await self._real_time(borealis, token, record)
            await self._ring(borealis, record, "rejected")
            if self._sip:
                await tell_sip_call(self._run, self._deps, f"Your parcel {_some_number()} is at the door")
        except StoryFailed as exc:
            self._run.printer.failure(exc.expected, exc.came)
            return False
        except httpx.HTTPError as exc:
            self._run.printer.failure("an answer", f"{type(exc).__name__}: {exc}")
            return False
        return True

    # steps ------------------------------------------------------------------------------------------------------------

    async def _handsets(self) -> None:
        async with self._run.step("virtual handsets have registered and connected"):
            await until(self._connected, HANDSETS_WITHIN_S, f"{', '.join(RECEIVERS)} online")

    async def _connected(self) -> tuple[bool, object]:
        answer = await self._http.get("/emulator/v1/handsets")
        if answer.status_code == _NOT_YET:
            return False, answer.text
        expect(answer)
        online = {one["phone_number"] for one in answer.json() if one["connected"]}
        return online.issuperset(RECEIVERS), f"online: {', '.join(sorted(online)) or 'none'}"

    async def _token(self, account: AccountOut) -> str:
        async with self._run.step(f"{account.name} gets an access token, valid for 60 minutes"):
            answer = await self._ask_token(account)
        if answer.status_code == _TOO_MANY:  # a demo started again and again
            wait_s = int(answer.headers["Retry-After"])
            async with self._run.step(
                f"it has used its ten tokens per 30 minutes; the clock moves forward by {wait_s} s"
            ):
                expect(await self._http.post("/emulator/v1/clock", json={"advance_s": wait_s}))
                answer = await self._ask_token(account)
        return expect(answer)["token"]

    async def _ask_token(self, account: AccountOut) -> httpx.Response:
        return await self._http.post(
            f"/clients/{account.client_account_id}/token",
            json={"key_id": account.key_id, "api_key": account.api_key},
            headers={"X-Public-Access": "allow"},
        )

    async def _record(self, account: AccountOut, receiver: str, reason: str) -> dict[str, Any]:
        """A record whose window opened a minute ago by the product clock, for two hours."""
        now = datetime.fromisoformat(expect(await self._http.get("/emulator/v1/clock"))["now"])
        return {
            "caller_number": account.listed_numbers[0],
            "receiver_number": receiver,
            "label_id": account.labels.dynamic[0].id,
            "dynamic_call_reason": reason,
            "starts_at": to_ms(now) - _MINUTE_MS,
            "ends_at": to_ms(now) + 120 * _MINUTE_MS,
        }

    async def _bulk(self, account: AccountOut, token: str, record: dict[str, Any]) -> None:
        path = f"/v2/clients/{account.client_account_id}/dynamic_call_records"
        headers = {"Authorization": f"Bearer {token}"}
        began = perf_counter()
        async with self._run.step(
            f"it pushes a batch: {record['caller_number']} will call {record['receiver_number']}"
        ) as step:
            batch_id = expect(await self._http.post(path, json={"call_records": [record]}, headers=headers))["batch_id"]
            step.result = f"batch {batch_id}"

        async def settled() -> tuple[bool, object]:
            answer = expect(await self._http.get(path, params={"batchId": batch_id}, headers=headers))
            status = answer["data"][0]["status_info"]
            if status["status"] == "error":
                raise StoryFailed("the status success", status)
            return status["status"] == "success", status

        what = "the handset acknowledges the record: status success"
        try:
            await until(settled, STATUS_WITHIN_S, "the status success")
        except StoryFailed:
            self._run.printer.step(what, began, good=False)
            raise
        self._run.printer.step(what, began, result="time since the push")

    async def _real_time(self, account: AccountOut, token: str, record: dict[str, Any]) -> None:
        what = f"it pushes in real time: {record['caller_number']} will call {record['receiver_number']}"
        async with self._run.step(f"{what}; acknowledged"):
            answer = expect(
                await self._http.post(
                    f"/v2/clients/{account.client_account_id}/dynamic_call_record",
                    json=record,
                    headers={"Authorization": f"Bearer {token}"},
                )
            )
            if answer["status_info"]["status"] != "success":
                raise StoryFailed("the status success", answer)

    async def _ring(self, account: AccountOut, record: dict[str, Any], outcome: str) -> None:
        async with self._run.step(
            f"{record['caller_number']} calls {record['receiver_number']}; the call is {outcome}"
        ):
            call = {"caller": record["caller_number"], "receiver": record["receiver_number"], "outcome": outcome}
            shown = expect(await self._http.post("/emulator/v1/calls", json=call))
            pushed = {
                "name": account.labels.dynamic[0].name,
                "call_reason": record["dynamic_call_reason"],
                "verified": True,
                "source": "call_record",
            }
            if {key: shown[key] for key in pushed} != pushed:
                raise StoryFailed(f"the handset to show {pushed}", shown)
            logo = await self._http.get(shown["logo_url"])
            if logo.status_code != _OK or logo.headers["Content-Type"] != "image/png":
                raise StoryFailed(f"a PNG at {shown['logo_url']}", logo.status_code)
        self._run.printer.screen(shown["name"], shown["call_reason"], record["caller_number"])


def _some_number() -> int:
    """Makes each start's call reason its own, so that what shows is surely what was pushed just now."""
    return 1000 + secrets.randbelow(9000)
