"""Which addresses the platform may call on behalf of a business: the rules of the gate in `kit.outbound`.

A business names the address of its webhook, so without a gate it could make us call what only we can reach: our own
machine, its neighbours, a cloud's metadata service. Refused is whatever is not an ordinary public address, and every
IPv6 form that carries an IPv4 address inside. Source: the special-purpose address registries of IANA.
"""

import ipaddress
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network

Network = IPv4Network | IPv6Network

LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

_REFUSED = {
    IPv4Network("0.0.0.0/8"): "unspecified",
    IPv4Network("10.0.0.0/8"): "private",
    IPv4Network("100.64.0.0/10"): "shared by a carrier's customers",
    IPv4Network("127.0.0.0/8"): "loopback",
    IPv4Network("168.63.129.16/32"): "a metadata service",
    IPv4Network("169.254.0.0/16"): "link-local",
    IPv4Network("172.16.0.0/12"): "private",
    IPv4Network("192.0.0.0/24"): "reserved",
    IPv4Network("192.0.2.0/24"): "for documentation",
    IPv4Network("192.31.196.0/24"): "reserved",
    IPv4Network("192.52.193.0/24"): "reserved",
    IPv4Network("192.88.99.0/24"): "reserved",
    IPv4Network("192.168.0.0/16"): "private",
    IPv4Network("192.175.48.0/24"): "reserved",
    IPv4Network("198.18.0.0/15"): "for benchmarks",
    IPv4Network("198.51.100.0/24"): "for documentation",
    IPv4Network("203.0.113.0/24"): "for documentation",
    IPv4Network("224.0.0.0/4"): "multicast",
    IPv4Network("240.0.0.0/4"): "reserved",
    IPv6Network("::/128"): "unspecified",
    IPv6Network("::1/128"): "loopback",
    IPv6Network("::/96"): "an IPv4 address inside an IPv6 one",
    IPv6Network("::ffff:0:0/96"): "an IPv4 address inside an IPv6 one",
    IPv6Network("64:ff9b::/96"): "an IPv4 address inside an IPv6 one",
    IPv6Network("64:ff9b:1::/48"): "an IPv4 address inside an IPv6 one",
    IPv6Network("2001::/32"): "an IPv4 address inside an IPv6 one",
    IPv6Network("2001::/23"): "reserved",
    IPv6Network("2001:db8::/32"): "for documentation",
    IPv6Network("2002::/16"): "an IPv4 address inside an IPv6 one",
    IPv6Network("3fff::/20"): "for documentation",
    IPv6Network("fc00::/7"): "private",
    IPv6Network("fe80::/10"): "link-local",
    IPv6Network("ff00::/8"): "multicast",
}
"""Ranges that are not called, and what they are; the first that fits names the reason."""

_NAT64 = IPv6Network("64:ff9b::/96")
_PUBLIC_IPV6 = IPv6Network("2000::/3")
_LOCAL_NAMES = ("localhost", "localhost.localdomain")


def refusal(address: str, allowed: Sequence[Network]) -> str | None:
    """Why the numeric `address` is not called, or None when it may be; a network in `allowed` lets it pass."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])  # without the zone of a link-local one
    except ValueError:
        return "not an address"
    if any(ip in network for network in allowed if network.version == ip.version):
        return None
    for network, what in _REFUSED.items():
        if ip.version == network.version and ip in network:
            return what
    return None if isinstance(ip, IPv4Address) or ip in _PUBLIC_IPV6 else "reserved"


def refusal_of_host(host: str, allowed: Sequence[Network]) -> str | None:
    """As `refusal`, for the host of an address as it was typed, as far as that is clear without a look-up.

    Short and other odd forms of IPv4 (`127.1`, `0x7f000001`, `2130706433`) are read as the system's resolver would.
    A name gives None: its addresses are checked when it is called.
    """
    plain = host.rstrip(".").lower()
    if plain in _LOCAL_NAMES or plain.endswith(".localhost"):
        return refusal("127.0.0.1", allowed)
    try:
        return refusal(socket.inet_ntoa(socket.inet_aton(plain)), allowed)
    except OSError:
        return refusal(plain, allowed) if ":" in plain else None


def parse_networks(text: str) -> tuple[Network, ...]:
    """The networks of a list separated by commas (`10.1.0.0/16, fd00::/8`); ValueError names what is not one."""
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def network_of(address: str) -> str:
    """Whose address it is, as far as limits go: of IPv4 itself; of IPv6 its /64, of which a line has at least one.

    An IPv6 address that carries an IPv4 address (mapped, 6to4, Teredo, NAT64) counts as that IPv4 address. What is no
    address is given back as it is.
    """
    try:
        ip = ipaddress.ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip in _NAT64:
        return str(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF))
    inside = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
    return str(inside or IPv6Network((int(ip) >> 64 << 64, 64)))
