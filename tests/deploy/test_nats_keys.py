"""`deploy/nats/make-keys.sh`: certificates are made once, and again when they end soon."""

import subprocess
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

SCRIPT = Path(__file__).parents[2] / "deploy/nats/make-keys.sh"
HOST = "nats1.internal"


def make(folder: Path) -> tuple[x509.Certificate, bytes]:
    """The host's certificate and the password, as the script leaves them; the key fits the certificate."""
    subprocess.run([SCRIPT, folder, HOST], check=True, capture_output=True)
    made = x509.load_pem_x509_certificate((folder / HOST / "tls/server.crt").read_bytes())
    key = load_pem_private_key((folder / HOST / "tls/server.key").read_bytes(), None)
    assert key.public_key() == made.public_key()
    return made, (folder / "password").read_bytes()


def test_certificates_that_end_soon_are_replaced(tmp_path: Path) -> None:
    made, password = make(tmp_path)
    assert make(tmp_path) == (made, password)
    tls = tmp_path / HOST / "tls"
    short = ["openssl", "req", "-x509", "-key", tls / "server.key", "-subj", "/CN=short", "-days", "80"]
    subprocess.run([*short, "-out", tls / "server.crt"], check=True, capture_output=True)
    renewed, kept = make(tmp_path)
    assert renewed.not_valid_after_utc - renewed.not_valid_before_utc == timedelta(days=825)
    assert (renewed.issuer, kept) == (made.issuer, password)
    assert renewed.serial_number != made.serial_number
