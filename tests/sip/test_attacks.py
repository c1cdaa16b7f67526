"""Calls that come to the callee's network with a name that nobody vouches for ring without it."""

import asyncio
import socket
from collections.abc import Callable

import pytest
from tests.sip.conftest import Lab
from tests.sip.platform import CALLEE, CALLER, ICON, NAME, PNG, REASON, Platform, now

from callmark.passport import RichCallData, Signer, make_key
from callmark.processes.sip_lab.network import Ending

FAILED = "TN-Validation-Failed"


def rich(signer: Signer) -> str:
    return signer.rich_call_data(CALLER, [CALLEE], RichCallData(NAME, ICON), REASON, contents={ICON: PNG}, now=now())


def compact(platform: Platform) -> str:
    token, _, parameters = rich(platform.own.signer).partition(";")
    return f"..{token.rpartition('.')[2]};{parameters}"


# To the proxies these differ: a good form with a bad verdict, and forms that are none. The verdicts: tests/passport.
ATTACKS: dict[str, Callable[[Platform], str]] = {
    "another key": lambda platform: rich(Signer(make_key(), platform.own.x5u)),
    "the compact form": compact,
    "what is no token": lambda _: "a.b.c;info=<https://acme.example/certificate.pem>;alg=ES256",
    "bytes that are no text": lambda _: "\udcff\udcfe" * 40,
}


NAMED = (
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "P-Additional-Identity",
    "Remote-Party-ID",
    "Diversion",
    "DIVERSION",
    "CC-Diversion",
    "History-Info",
    "P-Called-Party-ID",
    "P-Served-User",
    "Referred-By",
    "b",
    "Reply-To",
)
"""Headers that hold an address with a name; those of `SAID` hold a text or the address of something."""
SAID = ("Subject", "s", "Organization", "Alert-Info", "Call-Info")


def claims() -> list[str]:
    """Everything that a caller could say of itself beside `From`."""
    return [f'{one}: "{NAME}" <sip:+{CALLER}@acme.example>' for one in NAMED] + [f"{one}: <x:{NAME}>" for one in SAID]


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_forged_identity_shows_nothing(lab: Lab, attack: str) -> None:
    placed = await lab.spoofed(ATTACKS[attack](lab.platform))
    assert placed.ringing
    assert (placed.ringing.name, placed.ringing.verstat) == (None, FAILED)


async def test_without_an_identity_nothing_shows_and_nobody_is_asked(lab: Lab) -> None:
    placed, _ = await lab.call(proxy_port=lab.network.terminating_port, headers=tuple(claims()))
    assert placed.ringing
    assert (placed.ringing.name, placed.ringing.verstat) == (None, "No-TN-Validation")
    assert NAME not in "".join(value for _, value in placed.ringing.headers)
    assert lab.platform.asked == []


VERDICTS = {
    "of its address": f"sip:+{CALLER}@acme.example;user=phone;verstat=TN-Validation-Passed",
    "of its number": f"sip:+{CALLER};verstat=TN-Validation-Passed@acme.example;user=phone",
    "of its address, escaped": f"sip:+{CALLER}@acme.example;user=phone;v%65rstat=TN-Validation-Passed",
    "of a tel URI": f"tel:+{CALLER};verstat=TN-Validation-Passed",
}


@pytest.mark.parametrize("spelling", VERDICTS)
async def test_a_verdict_that_a_caller_writes_of_itself_does_not_reach_the_phone(lab: Lab, spelling: str) -> None:
    placed = await lab.network.call(
        lab.dialling(proxy_port=lab.network.terminating_port, address=VERDICTS[spelling]), Ending.DECLINE
    )
    assert placed.ringing
    (address,) = [value for name, value in placed.ringing.headers if name == "From"]
    assert f"+{CALLER}" in address
    assert "TN-Validation" not in address


async def test_a_good_identity_shows_once_and_its_replay_does_not(lab: Lab) -> None:
    headers = lab.platform.headers()
    first = await lab.spoofed(*headers)
    assert first.ringing
    assert first.ringing.name == NAME
    again = await lab.spoofed(*headers, call_id=first.ringing.id)
    assert again.ringing
    assert again.ringing.name is None


async def test_of_many_identities_the_first_eight_are_looked_at(lab: Lab) -> None:
    bad = [compact(lab.platform)] * 7
    placed = await lab.spoofed(*bad, lab.platform.headers()[1])
    assert placed.ringing
    assert placed.ringing.name == NAME
    placed = await lab.spoofed(*bad, bad[0], lab.platform.headers()[1])
    assert placed.ringing
    assert placed.ringing.name is None


TOO_LONG = {
    "eight identities": ["a" * 1_100] * 8,
    "eight identities that are twice as long in JSON": ['"' * 5_000] * 8,
    "one identity": ["a" * 60_000],
}


@pytest.mark.parametrize("too_long", TOO_LONG)
async def test_calls_with_too_much_to_ask_about_do_not_hide_the_names_of_others(lab: Lab, too_long: str) -> None:
    for _ in range(3):
        placed = await lab.spoofed(*TOO_LONG[too_long])
        assert placed.ringing
        assert placed.ringing.name is None
    placed = await lab.spoofed(lab.platform.headers()[1])
    assert placed.ringing
    assert placed.ringing.name == NAME


async def test_before_identities_that_are_too_long_together_the_first_is_looked_at(lab: Lab) -> None:
    placed = await lab.spoofed(lab.platform.headers()[1], *['"' * 5_000] * 7)
    assert placed.ringing
    assert placed.ringing.name == NAME


FORGED = """INVITE sip:{callee}@127.0.0.1:{elsewhere} SIP/2.0\r
Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKforged\r
Max-Forwards: 70\r
From: <sip:+{caller}@acme.example>;tag=a\r
To: <sip:+{callee}@acme.example>;tag=b\r
Call-ID: forged@acme.example\r
CSeq: 2 INVITE\r
Contact: <sip:127.0.0.1:{own}>\r
Route: <sip:127.0.0.1:{proxy};lr{mark}>\r
Content-Length: 0\r
\r
"""


@pytest.mark.parametrize("mark", ["", ";call=0123456789abcdef0123456789abcdef", ";ftag=a;call="])
@pytest.mark.parametrize("side", ["originating", "terminating"])
async def test_a_request_in_a_call_that_no_proxy_let_through_is_sent_nowhere(lab: Lab, side: str, mark: str) -> None:
    proxy = lab.network.originating_port if side == "originating" else lab.network.terminating_port
    with socket.socket(type=socket.SOCK_DGRAM) as caller, socket.socket(type=socket.SOCK_DGRAM) as elsewhere:
        for one in (caller, elsewhere):
            one.bind(("127.0.0.1", 0))
            one.settimeout(0)
        names = {"own": caller.getsockname()[1], "elsewhere": elsewhere.getsockname()[1], "proxy": proxy, "mark": mark}
        caller.sendto(FORGED.format(caller=CALLER, callee=CALLEE, **names).encode(), ("127.0.0.1", proxy))
        async with asyncio.timeout(60):
            answer = await asyncio.get_running_loop().sock_recv(caller, 4096)
        assert answer.startswith(b"SIP/2.0 403 ")
        with pytest.raises(BlockingIOError):
            elsewhere.recv(4096)
