"""Sockets to listen on."""

import asyncio
import socket
from contextlib import ExitStack
from typing import Any

import pytest
import uvloop

from callmark.kit.errors import SetupError
from callmark.kit.settings import Settings
from callmark.processes.ports import address_of, hold_port, is_address_here, open_socket, open_sockets
from callmark.processes.reach import public_url
from callmark.processes.supervisor import with_addresses

BURST = 64


def test_a_burst_of_connections_is_taken_in_few_turns_of_the_loop() -> None:
    """uvloop takes one connection of each socket in a turn: with one socket it would need as many turns."""
    assert uvloop.run(_turns_to_take_a_burst()) < BURST / 2


async def _turns_to_take_a_burst() -> int:
    loop, taken, turns = asyncio.get_running_loop(), list[_Taken](), 0
    socks = open_sockets("127.0.0.1", 0)
    address = socks[0].getsockname()
    assert {sock.getsockname() for sock in socks} == {address}
    servers = [await loop.create_server(lambda: _Taken(taken), sock=sock) for sock in socks]
    with ExitStack() as clients:
        for _ in range(BURST):
            clients.enter_context(socket.create_connection(address))
        while len(taken) < BURST:
            turns += 1
            await asyncio.sleep(0)
        for one in taken:
            one.transport.abort()
    for server in servers:
        server.close()
    return turns


@pytest.mark.parametrize(("host", "address"), [("localhost", "127.0.0.1"), ("calls.internal", "127.0.0.2")])
def test_localhost_is_where_proxies_are_set_to(monkeypatch: pytest.MonkeyPatch, host: str, address: str) -> None:
    """Also where the system names ::1 first; of another name it is the system's first address."""

    look_up = socket.getaddrinfo

    def found(name: str, port: int | None, **options: Any) -> list[Any]:
        first = "::1" if name == "localhost" else "127.0.0.2"
        names = [first, "127.0.0.1"] if name == host else [name]
        return [one for address in names for one in look_up(address, port, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    assert address_of(host) == address
    with open_socket(host, 0) as sock:
        assert sock.getsockname()[0] == address


class _Taken(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, taken: list["_Taken"]) -> None:
        self._taken = taken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # pyright: ignore[reportAttributeAccessIssue] - uvloop's is no subclass
        self._taken.append(self)


def test_a_name_is_listened_on_as_the_address_that_it_names() -> None:
    assert address_of("localhost") in {"127.0.0.1", "::1"}
    assert [address_of(host) for host in ("10.0.0.8", "0.0.0.0", "::")] == ["10.0.0.8", "0.0.0.0", "::"]
    assert address_of("fe80::1%lo") == "fe80::1%lo"  # the interface is a part of it
    with pytest.raises(SetupError, match="cannot listen on fe80::1%nowhere"):
        address_of("fe80::1%nowhere")


def test_an_emulator_still_answers_to_the_name_that_it_listens_on(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"emu.internal": "10.0.0.8"}

    def looked_up(host: str) -> str:
        return named.get(host, host)

    monkeypatch.setattr("callmark.processes.supervisor.address_of", looked_up)
    settings = Settings(
        emulator=True, emulator_force=True, host="emu.internal", admin_host="::1", emulator_hosts="calls.example"
    )
    found = with_addresses(settings, serves_http=True)
    assert (found.host, found.admin_host) == ("10.0.0.8", "::1")
    assert found.emulator_hosts == "calls.example,emu.internal"
    assert with_addresses(found, serves_http=True) == found


def test_a_start_without_http_roles_thinks_the_others_are_where_they_are_by_default() -> None:
    assert public_url(Settings(port=0)) == "http://127.0.0.1:8700"
    assert public_url(Settings(port=9000, host="::1")) == "http://[::1]:9000"


def test_an_address_of_another_machine_is_not_here() -> None:
    assert is_address_here("127.0.0.1")
    assert not is_address_here("192.0.2.1")
    with pytest.raises(
        SetupError, match=r"port 0 of 192\.0\.2\.1: .*\. This machine does not have that address: name one"
    ):
        hold_port("192.0.2.1", 0)
