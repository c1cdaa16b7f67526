"""`deploy/nats/make-keys.sh`: certificates are made once, and again when they end soon."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

SCRIPT = Path(__file__).parents[2] / "deploy/nats/make-keys.sh"
HOST = "nats1.internal"
LONG = f"{'a' * 60}.{'b' * 60}.internal"


def make(folder: Path) -> tuple[x509.Certificate, bytes]:
    """The host's certificate and the password, as the script leaves them; the key fits the certificate."""
    subprocess.run([SCRIPT, folder, HOST], check=True, capture_output=True)
    made = x509.load_pem_x509_certificate((folder / HOST / "tls/server.crt").read_bytes())
    key = load_pem_private_key((folder / HOST / "tls/server.key").read_bytes(), None)
    assert key.public_key() == made.public_key()
    return made, (folder / "password").read_bytes()


def make_it_end_soon(folder: Path) -> None:
    tls = folder / HOST / "tls"
    short = ["openssl", "req", "-x509", "-key", tls / "server.key", "-subj", "/CN=short", "-days", "80"]
    subprocess.run([*short, "-out", tls / "server.crt"], check=True, capture_output=True)


def test_certificates_that_end_soon_are_replaced(tmp_path: Path) -> None:
    made, password = make(tmp_path)
    assert make(tmp_path) == (made, password)
    make_it_end_soon(tmp_path)
    renewed, kept = make(tmp_path)
    assert renewed.not_valid_after_utc - renewed.not_valid_before_utc == timedelta(days=825)
    assert (renewed.issuer, kept) == (made.issuer, password)
    assert renewed.serial_number != made.serial_number


@pytest.mark.parametrize(("given", "host"), [(LONG, LONG), ("nats1.internal.", "nats1.internal")])
def test_a_hosts_name_may_be_long_or_end_with_a_dot(tmp_path: Path, given: str, host: str) -> None:
    subprocess.run([SCRIPT, tmp_path, given], check=True, capture_output=True)
    made = x509.load_pem_x509_certificate((tmp_path / host / "tls/server.crt").read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert [str(one.value) for one in names.value] == [host]
    assert (tmp_path / "url").read_text().endswith(f"@{host}:4222\n")


def test_a_name_that_dns_does_not_have_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    made = tmp_path / "keys"
    ended = subprocess.run([SCRIPT, made, HOST, "straße.internal"], check=False, capture_output=True, text=True)
    assert (ended.returncode, "as DNS has it" in ended.stderr, made.exists()) == (1, True, False)


def test_a_host_can_be_an_address_of_ipv6(tmp_path: Path) -> None:
    subprocess.run([SCRIPT, tmp_path, "fd00::1"], check=True, capture_output=True)
    made = x509.load_pem_x509_certificate((tmp_path / "fd00::1/tls/server.crt").read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert [str(one.value) for one in names.value] == ["fd00::1"]
    assert (tmp_path / "url").read_text().endswith("@[fd00::1]:4222\n")


def test_while_the_key_of_the_authority_is_elsewhere_nothing_is_replaced(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "ca.key").rename(tmp_path / "elsewhere")
    make(tmp_path)
    make_it_end_soon(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.crt")} | {"key": key_of(tmp_path)}
    assert subprocess.run([SCRIPT, tmp_path, HOST], check=False, capture_output=True).returncode != 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.crt")} | {"key": key_of(tmp_path)} == before
    (tmp_path / "elsewhere").rename(tmp_path / "ca.key")
    make(tmp_path)


def key_of(folder: Path) -> bytes:
    return (folder / HOST / "tls/server.key").read_bytes()
