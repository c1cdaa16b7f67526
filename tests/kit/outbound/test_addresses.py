"""Which addresses are called: the whole corpus of those that are not, and some that are."""

import pytest

from callmark.kit.outbound.addresses import LOOPBACK, parse_networks, refusal, refusal_of_host

REFUSED = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.8.8"),
    *("168.63.129.16", "169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1"),
    *("192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250"),
    *("240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "::10.0.0.1", "::ffff:127.0.0.1", "::ffff:93.184.216.34", "64:ff9b::7f00:1"),
    *("64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1"),
    *("2002:7f00:1::", "2002:a00:1::1", "3fff::1", "4000::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0"),
    *("fec0::1", "ff02::1", "5f00::1"),
    *("", "localhost", "127.1", "1.2.3.4.5"),
]
CALLED = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.1.1.1",
]
CALLED_V6 = ["2606:2800:220:1:248:1893:25c8:1946", "2a00:1450:4001:80b::200e", "2001:4860:4860::8888"]


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_refused_with_a_reason(address: str) -> None:
    assert refusal(address, ())


@pytest.mark.parametrize("address", [*CALLED, *CALLED_V6])
def test_a_public_address_is_called(address: str) -> None:
    assert refusal(address, ()) is None


@pytest.mark.parametrize(
    "host",
    [
        *(
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "127.1",
            "127.0.1",
            "0x7f.1",
            "0x7f000001",
            "2130706433",
            "017700000001",
        ),
        *("0", "0x0a.0.0.1", "10.1", "::1", "::ffff:7f00:1", "169.254.43518"),
    ],
)
def test_an_odd_form_of_an_inner_address_is_seen_through(host: str) -> None:
    assert refusal_of_host(host, ())


@pytest.mark.parametrize("host", ["hooks.acme.example", "1.1.1.1", "1.257", "localhost.acme.example", "2a00:1450::1"])
def test_other_hosts_are_left_to_the_connection(host: str) -> None:
    assert refusal_of_host(host, ()) is None


def test_an_allowed_network_passes_and_its_neighbours_do_not() -> None:
    allowed = parse_networks("10.1.0.0/16, fd00:1::/32,")
    assert refusal("10.1.2.3", allowed) is None
    assert refusal("fd00:1::5", allowed) is None
    assert refusal("10.2.0.1", allowed)
    assert refusal("::ffff:10.1.2.3", allowed)
    assert refusal("127.0.0.1", LOOPBACK) is None


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"10\.1\.2\.3/16"):
        parse_networks("10.1.2.3/16")
