"""Answered calls: what is reported of those that nobody ends."""

from pathlib import Path

from tests.sip.platform import CALLEE, CALLER, platform
from tests.sip.raw_calls import CALL_ID, answered, ends

from callmark.kit.ports import free_port
from callmark.processes.sip_lab.proxies import ProxySettings, proxy


async def test_a_call_that_nobody_ends_is_reported_under_its_own_id_with_its_seconds(tmp_path: Path) -> None:
    """As when a phone has lost its network or its power."""
    longest_s, port, callee_port = 2, free_port(), free_port()
    async with platform() as served, ends(callee_port) as (caller, callee):
        settings = ProxySettings(
            port=port, next_port=callee_port, stir_url=served.url, token="t", ask_s=10, longest_s=longest_s
        )
        async with proxy("terminating", tmp_path / "proxy", settings):
            await answered(caller, callee, port)
            report = await served.report_of(CALL_ID)
    assert (report["orig"], report["dest"], report["outcome"]) == (CALLER, CALLEE, "answered")
    assert report["seconds"] >= longest_s
