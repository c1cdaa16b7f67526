"""Calls through both proxies: what the phone shows, what the caller gets, and what is reported."""

import asyncio
import socket
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.sip.conftest import Lab
from tests.sip.platform import CALLEE, CALLER, ICON, NAME, REASON

from callmark.kit.ports import free_port
from callmark.passport import CallInfo
from callmark.processes.sip_lab import caller
from callmark.processes.sip_lab.network import Ending, proxies
from callmark.processes.sip_lab.phone import RingingCall
from callmark.processes.sip_lab.relay import RelayState

PASSED, NOT_CHECKED = "TN-Validation-Passed", "No-TN-Validation"


def is_plain(ringing: RingingCall | None) -> bool:
    """Whether a call rang without a name, and nobody checked its number."""
    return ringing is not None and (ringing.name, ringing.verstat, ringing.call_info) == (None, NOT_CHECKED, [])


async def test_the_phone_shows_the_signed_name_and_not_the_one_that_the_caller_claims(lab: Lab) -> None:
    placed, report = await lab.call(Ending.ANSWER, headers=("Call-Info: <https://evil.example/x.png>;purpose=icon",))
    assert placed.status == 200
    assert placed.ringing
    assert placed.ringing.name == NAME
    assert placed.ringing.verstat == PASSED
    assert placed.ringing.call_info == [CallInfo(ICON, "icon", REASON, verified=True)]
    assert (report["orig"], report["dest"], report["outcome"], report["shown"]) == (CALLER, CALLEE, "answered", True)


async def test_a_call_is_begun_again_when_another_program_has_taken_one_of_its_ports(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        draws = iter([other.getsockname()[1]])
        monkeypatch.setattr(caller, "free_port", lambda together=1: next(draws, None) or free_port(together))
        placed, _ = await lab.call(Ending.ANSWER)
    assert placed.status == 200
    assert next(draws, None) is None


async def test_the_icon_and_the_reason_stand_on_one_line_of_the_invitation(lab: Lab) -> None:
    placed, _ = await lab.call()
    assert placed.ringing
    headers = [value for name, value in placed.ringing.headers if name == "Call-Info"]
    assert headers == [f'<{ICON}>;purpose=icon;call-reason="{REASON}";verified="true"']
    assert not {"Identity", "Subject"} & {name for name, _ in placed.ringing.headers}


@pytest.mark.parametrize(
    ("ending", "changes", "status", "outcome"),
    [
        (Ending.DECLINE, {}, 486, "rejected"),
        (Ending.IGNORE, {}, 408, "missed"),
        (Ending.IGNORE, {"gives_up_after_s": 0.1}, 487, "missed"),
    ],
)
async def test_each_end_of_a_call_is_reported_once(
    lab: Lab, ending: Ending, changes: dict[str, float], status: int, outcome: str
) -> None:
    placed, report = await lab.call(ending, **changes)
    assert placed.status == status
    assert (report["outcome"], report["seconds"], report["shown"]) == (outcome, 0, True)


async def test_a_caller_who_hangs_up_while_the_call_is_signed_gets_487(lab: Lab) -> None:
    lab.platform.held = asyncio.Event()
    placed = await lab.network.call(lab.dialling(gives_up_after_s=0.1, rings=False), Ending.IGNORE)
    assert (placed.status, placed.ringing) == (487, None)
    await lab.platform.asked.until(lambda asked: asked == ["/stir/v1/signing"])
    lab.platform.held.set()
    placed, _ = await lab.call()
    assert lab.platform.asked == ["/stir/v1/signing", "/stir/v1/signing", "/stir/v1/verification"]


async def test_a_number_that_is_not_signed_for_rings_without_a_name(lab: Lab) -> None:
    placed, report = await lab.call(caller="12025559999")
    assert is_plain(placed.ringing)
    assert report["shown"] is False


async def test_while_the_service_is_down_calls_ring_without_a_name_and_reports_come_later(lab: Lab) -> None:
    await lab.way.turn(RelayState.CLOSED)
    dialling = lab.dialling()
    placed = await lab.network.call(dialling, Ending.DECLINE)
    assert placed.status == 486
    assert is_plain(placed.ringing)
    assert lab.platform.reports == []
    await lab.way.turn(RelayState.OPEN)
    report = await lab.platform.report_of(dialling.call_id)
    assert (report["outcome"], report["shown"]) == ("rejected", False)


@pytest.mark.parametrize("status", [401, 404])
async def test_while_the_service_does_not_know_the_proxy_s_token_or_path_reports_are_kept(
    lab: Lab, status: int
) -> None:
    lab.platform.refuses_with = status
    dialling = lab.dialling()
    await lab.network.call(dialling, Ending.DECLINE)
    await lab.platform.refused.until(lambda all_: any(one["call_id"] == dialling.call_id for one in all_))
    lab.platform.refuses_with = 0
    report = await lab.platform.report_of(dialling.call_id)
    assert (report["outcome"], report["shown"]) == ("rejected", True)
    assert report["seconds_ago"] >= 1


async def test_a_service_that_hangs_holds_calls_up_for_a_second_and_then_no_longer(lab: Lab, tmp_path: Path) -> None:
    port = lab.network.phone.port
    async with proxies(tmp_path, stir_url=lab.way.url, token="cmedge_test", callee_port=port, ring_s=2) as ports:
        await _until_the_breaker_opens(replace(lab, network=replace(lab.network, originating_port=ports.originating)))


async def _until_the_breaker_opens(lab: Lab) -> None:
    await lab.way.turn(RelayState.SILENT)
    before, calls = -1, 0
    while lab.way.accepted > before:  # the breaker opens after three failures in a row
        before = lab.way.accepted
        placed = await lab.network.call(lab.dialling(gives_up_after_s=0.05), Ending.IGNORE)
        assert placed.status == 487
        assert is_plain(placed.ringing)
        calls += 1
        assert calls <= 20  # reports of calls connect too, now and then
    assert calls > 3
    await lab.way.turn(RelayState.OPEN)


async def test_a_caller_without_a_number_rings_without_a_name_and_nobody_is_asked(lab: Lab) -> None:
    placed = await lab.network.call(lab.dialling(caller="alice"), Ending.DECLINE)
    assert placed.ringing
    assert (placed.ringing.name, placed.ringing.verstat) == (None, None)
    assert lab.platform.asked == []
