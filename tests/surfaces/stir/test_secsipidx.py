"""A verifier of somebody else, `secsipidx` of Debian: what it accepts of ours, and what it refuses."""

import shutil
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.support.factories import phone
from tests.surfaces.stir.staging import Network, network

from callmark.domain.deps import Deps
from callmark.kit.phone import PhoneNumber
from callmark.passport import read_identity

SECSIPIDX = shutil.which("secsipidx")
pytestmark = pytest.mark.skipif(SECSIPIDX is None, reason="needs the Debian package secsipidx; `make test` installs it")


@pytest.fixture
async def there(deps: Deps) -> AsyncGenerator[Network]:
    async with network(deps) as made:
        yield made


async def accepts(there: Network, header: str, folder: Path) -> bool:
    """Whether it finds the signature good, with the certificate that is at the token's address."""
    address = read_identity(header).x5u
    (folder / "certificate.pem").write_bytes((await there.client.get(address)).content)
    (folder / "identity.txt").write_text(header)
    return _check(folder)


def _check(folder: Path) -> bool:
    command = [SECSIPIDX or "", "-check", "-fidentity", "identity.txt", "-fpubkey", "certificate.pem", "-expire", "60"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode == 0 and "ok" in (done.stdout + done.stderr).lower()


async def test_it_accepts_our_shaken_and_refuses_a_tampered_one(there: Network, tmp_path: Path) -> None:
    header = (await there.sign(phone()))["identity"]
    assert await accepts(there, header, tmp_path)
    token = read_identity(header).token
    head, claims, signature = token.split(".")
    changed = "B" if signature[0] != "B" else "C"
    assert not await accepts(there, header.replace(token, f"{head}.{claims}.{changed}{signature[1:]}"), tmp_path)


async def test_it_accepts_our_shaken_with_a_name_inside(there: Network, tmp_path: Path) -> None:
    receiver, caller = phone(), PhoneNumber("918040009999")
    await there.announce(receiver, caller=caller)
    header = (await there.sign(receiver, caller))["identity"]
    claims = read_identity(header).claims
    assert claims.rcd
    assert await accepts(there, header, tmp_path)
