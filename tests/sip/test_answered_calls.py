"""Answered calls: what the phone gets of the caller's replies, and what is reported when nobody ends a call."""

from pathlib import Path

from tests.sip.platform import CALLEE, CALLER, NAME, platform
from tests.sip.raw_calls import CALL_ID, answered, ends

from callmark.kit.ports import free_port
from callmark.processes.sip_lab.proxies import ProxySettings, proxy


async def test_a_call_that_nobody_ends_is_reported_under_its_own_id_with_its_seconds(tmp_path: Path) -> None:
    """As when a phone has lost its network or its power."""
    longest_s, port, callee_port = 3, free_port(), free_port()
    async with platform() as served, ends(callee_port) as (caller, callee):
        settings = ProxySettings(
            port=port, next_port=callee_port, stir_url=served.url, token="t", ask_s=10, longest_s=longest_s
        )
        async with proxy("terminating", tmp_path / "proxy", settings):
            await answered(caller, callee, port)
            report = await served.report_of(CALL_ID)
    assert (report["orig"], report["dest"], report["outcome"]) == (CALLER, CALLEE, "answered")
    assert report["seconds"] >= longest_s - 1  # the proxy's timer and its clock tick apart, and both in whole seconds


async def test_what_a_caller_answers_in_a_call_brings_no_name_to_the_phone(tmp_path: Path) -> None:
    port, callee_port = free_port(), free_port()
    names = [f'{one}: "{NAME}" <sip:+{CALLER}@acme.example>' for one in ("P-Asserted-Identity", "Remote-Party-ID")]
    async with platform() as served, ends(callee_port) as (caller, callee):
        settings = ProxySettings(port=port, next_port=callee_port, stir_url=served.url, token="t", ask_s=10)
        async with proxy("terminating", tmp_path / "proxy", settings):
            call = await answered(caller, callee, port)
            call.from_callee("UPDATE")
            caller.accept(await caller.next("UPDATE"), *names)
            reply = await callee.next("SIP/2.0 200")
    assert reply.all("CSeq") == ["7 UPDATE"]
    assert NAME not in reply.text
