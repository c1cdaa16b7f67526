"""The files of deploy/sip/: their settings, and a proxy that works without the other."""

import asyncio
import re
from pathlib import Path
from typing import cast

import pytest
from tests.sip.platform import CALLEE, CALLER, platform
from tools.sources import ROOT

from callmark.kit.errors import SetupError
from callmark.kit.phone import PhoneNumber
from callmark.kit.ports import free_port
from callmark.processes.sip_lab.caller import Dialling
from callmark.processes.sip_lab.network import Ending, SipNetwork
from callmark.processes.sip_lab.phone import phone
from callmark.processes.sip_lab.proxies import ProxySettings, proxy

SETTING = re.compile(r'#!(?:substdef "!|define )([A-Z_]+)')


def test_the_sample_has_every_setting() -> None:
    settings = ProxySettings(port=5060, next_port=5070, stir_url="http://x", token="t", reports_outcomes=True)
    sample = (ROOT / "deploy/sip/local.cfg.example").read_text()
    assert sorted(SETTING.findall(sample)) == sorted(SETTING.findall(str(settings)))
    names = "".join(path.read_text() for path in (ROOT / "deploy/sip").glob("*.cfg"))
    assert all(name in names for name in SETTING.findall(sample))


def test_an_address_that_could_end_its_line_is_refused() -> None:
    with pytest.raises(SetupError, match="cannot be set up"):
        str(ProxySettings(port=5060, next_port=5070, stir_url='http://x!g"\nlisten=udp:0.0.0.0', token="t"))


async def test_a_proxy_whose_port_another_program_has_did_not_start(tmp_path: Path) -> None:
    """What answers there, be it with what it was asked, is not the proxy."""

    class Echo(asyncio.DatagramProtocol):
        transport: asyncio.DatagramTransport

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast("asyncio.DatagramTransport", transport)

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.transport.sendto(data, addr)

    there, _ = await asyncio.get_running_loop().create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    settings = ProxySettings(port=there.get_extra_info("sockname")[1], next_port=2, stir_url="http://x", token="t")
    with pytest.raises(SetupError, match="Address already in use"):
        async with proxy("originating", tmp_path / "proxy", settings):
            raise AssertionError("it started")
    there.close()


def test_no_port_is_given_twice_in_a_row() -> None:
    """A program that is started with several of them takes none before all are known."""
    given = [free_port() for _ in range(300)]
    assert len(set(given)) == len(given)
    first = free_port(4)
    assert first not in given
    assert not {free_port() for _ in range(300)} & set(range(first, first + 4))


def test_the_system_gives_no_port_of_the_lab_to_others() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(free_port(4) + 4 <= lowest for _ in range(50))


async def test_a_proxy_that_does_not_start_says_why(tmp_path: Path) -> None:
    settings = ProxySettings(port=1, next_port=2, stir_url="http://x", token='t"')
    with pytest.raises(SetupError, match="bad subst expression: !STIR_TOKEN"):
        async with proxy("originating", tmp_path / "proxy", settings):
            raise AssertionError("it started")


async def test_the_originating_proxy_alone_signs_and_reports(tmp_path: Path) -> None:
    async with platform() as served, phone(PhoneNumber(CALLEE), tmp_path / "phone") as telephone:
        port = free_port()
        settings = ProxySettings(
            port=port, next_port=telephone.port, stir_url=served.url, token="t", reports_outcomes=True, ask_s=10
        )
        async with proxy("originating", tmp_path / "proxy", settings):
            dialling = Dialling(caller=CALLER, callee=CALLEE, proxy_port=port)
            placed = await SipNetwork(port, port, telephone, tmp_path).call(dialling, Ending.DECLINE)
            report = await served.report_of(dialling.call_id)
    assert placed.status == 486
    assert placed.ringing
    assert len([value for name, value in placed.ringing.headers if name == "Identity"]) == 2
    assert (report["outcome"], report["shown"]) == ("rejected", False)
