"""A running installation to measure: `callmark serve` on its own data directory, accounts with tokens, handsets."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from callmark.domain.accounts import service as accounts
from callmark.domain.credentials import service as credentials
from callmark.domain.credentials.service import NewKey
from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import TOKEN_FORM
from callmark.domain.ids import AccountId
from callmark.domain.labels import service as labels
from callmark.domain.labels.logo import initial_logo
from callmark.domain.labels.model import Label, LabelType
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import Feature
from callmark.instants import to_ms
from callmark.kit.engines.binaries import choose_postgres
from callmark.kit.ids import sha256
from callmark.kit.open_files import allow_many_files, most_client_connections
from callmark.kit.phone import PhoneNumber
from callmark.kit.ports import free_port
from callmark.processes.compose import open_operator_deps

TOKENS_PER_ACCOUNT = 10
CALLMARK = str(Path(sys.executable).parent / "callmark")
_OTHER_CONNECTIONS = 16
"""Of the benchmark itself, beside its handsets."""


def most_handsets() -> int:
    """How many one process of the platform takes here; a process inherits the limit of files that this one has."""
    allow_many_files()
    return most_client_connections() - _OTHER_CONNECTIONS


class Account(Struct, frozen=True):
    """An account to push for, and its tokens."""

    id: UUID
    label_id: UUID
    key: NewKey
    tokens: list[str]


class Stage(Struct, frozen=True):
    """The installation as the benchmarks see it."""

    url: str
    data: Path
    deps: Deps
    accounts: list[Account]
    pid: int

    def record(self, receiver: str, account: Account, seconds: int = 3600) -> dict[str, object]:
        """A v2 record of an account."""
        now = to_ms(self.deps.clock.now())
        return {
            "caller_number": "918040001234",
            "receiver_number": receiver,
            "label_id": str(account.label_id),
            "dynamic_label_name": "Acme Deliveries",
            "dynamic_call_reason": "Your parcel arrives today",
            "starts_at": now,
            "ends_at": now + seconds * 1000,
        }


def v1(record: dict[str, object]) -> dict[str, object]:
    """The same record with the names of v1."""
    names = ("caller", "receiver", "label_id", "label_name", "call_reason", "starts_at", "ends_at")
    return dict(zip(names, record.values(), strict=True))


@asynccontextmanager
async def stage(
    *, roles: str, processes: int = 1, accounts_count: int = 4, outgoing: str = "", emulator: bool = False
) -> AsyncGenerator[Stage]:
    """Starts an installation and ends it with the block; `outgoing` as the setting `outgoing_networks`."""
    folder = Path(tempfile.mkdtemp(prefix="callmark-bench-"))
    folder.chmod(0o755)
    data = folder / "data"
    command = [CALLMARK, "serve", "--port", "0", "--roles", roles, "--processes", str(processes), "--data", str(data)]
    command += ["--emulator"] if emulator else []
    with (folder / "serve.log").open("wb") as log:
        serving = subprocess.Popen(
            command, stdout=log, stderr=log, env=os.environ | {"CALLMARK_OUTGOING_NETWORKS": outgoing}
        )
    try:
        url = await _until_announced(data, serving)
        async with open_operator_deps(data) as deps:
            made = [await make_account(deps) for _ in range(accounts_count)]
            yield Stage(url, data, deps, made, serving.pid)
    finally:
        serving.terminate()
        serving.wait(60)
        shutil.rmtree(folder, ignore_errors=True)
        os.sync()  # what the disk has to do for this one is not measured with the next


async def _until_announced(data: Path, serving: "subprocess.Popen[bytes]") -> str:
    for _ in range(1200):
        if serving.poll() is not None:
            raise SystemExit(f"callmark serve ended: {(data.parent / 'serve.log').read_text()[-2000:]}")
        if (data / "installation.json").exists():
            return json.loads((data / "installation.json").read_text())["base_url"]
        await asyncio.sleep(0.1)
    raise SystemExit("callmark serve did not come up")


async def make_account(deps: Deps) -> Account:
    account = await accounts.create_account(deps, "Bench", by=SYSTEM)
    label = await make_label(deps, account.id, LabelType.DYNAMIC)
    key = await credentials.create_key(
        deps, account.id, name="bench", features=[Feature.CALL_PERSONALISATION], by=SYSTEM
    )
    made = Account(account.id, label.id, key, [])
    return replace(made, tokens=await new_tokens(deps, made))


async def new_tokens(deps: Deps, account: Account) -> list[str]:
    """As many as an account gets in half an hour."""
    id_, key = str(account.id), account.key
    return [
        (await credentials.create_token(deps, id_, str(key.key_id), key.api_key)).token
        for _ in range(TOKENS_PER_ACCOUNT)
    ]


async def make_label(deps: Deps, account: AccountId, label_type: LabelType) -> Label:
    """A label for records (dynamic) or listed numbers (static)."""
    return await labels.create_label(
        deps,
        account,
        by=replace(SYSTEM, email="bench@acme.example"),
        label_type=label_type,
        name="Acme Deliveries",
        logo_png=initial_logo("Acme"),
        category=8,
        sub_category=53,
    )


def numbers(count: int) -> list[PhoneNumber]:
    """Receivers' numbers."""
    return [PhoneNumber(f"9198{i:08d}") for i in range(count)]


async def registered(on: Stage, receivers: Sequence[PhoneNumber]) -> list[str]:
    """Registers receivers all at once; their tokens."""
    app, _ = await handsets.create_app(on.deps, "bench", by=SYSTEM)
    tokens = [TOKEN_FORM.new() for _ in receivers]
    async with on.deps.db.connection() as tx:
        await tx.execute(
            "INSERT INTO registration (phone_number, generation, app_id, os, app_version, token_sha256, registered_at)"
            " SELECT phone, 1, $3, 'android', '5.0.0', token, $4"
            " FROM unnest($1::text[], $2::bytea[]) AS n (phone, token)",
            receivers,
            [sha256(token) for token in tokens],
            app.id,
            on.deps.clock.now(),
        )
    return tokens


async def handset_process(module: str, stage_: Stage, receivers: Sequence[PhoneNumber]) -> asyncio.subprocess.Process:
    """The process of a module that plays all receivers, registered, once it has connected them."""
    return await handsets_at(f"{stage_.url}/handset/v1/stream", await registered(stage_, receivers), module)


async def handsets_at(url: str, tokens: Sequence[str], module: str = "bench.handsets") -> asyncio.subprocess.Process:
    """The process of a module that plays a handset for each token, once it has connected them."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, url, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write("\n".join(tokens).encode() + b"\n\n")
    await process.stdin.drain()
    if (await process.stdout.readline()).strip() != b"connected":
        raise SystemExit("the handsets could not connect")
    return process


@asynccontextmanager
async def connected_handsets(stage_: Stage, receivers: Sequence[PhoneNumber]) -> AsyncGenerator[None]:
    """All receivers registered and connected through the gateway, acknowledging at once, in a separate process."""
    process = await handset_process("bench.handsets", stage_, receivers)
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def served(module: str) -> AsyncGenerator[tuple[str, int]]:
    """A module's server in a process of its own, once it takes connections: its address, and the process's id."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", module, str(port)])
    try:
        while not listens(port):
            if process.poll() is not None:
                raise SystemExit(f"{module} ended with status {process.returncode}")
            await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(5)


def listens(port: int) -> bool:
    """Whether a port of this machine takes connections."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def psql() -> Path:
    """The psql beside the embedded PostgreSQL."""
    return choose_postgres(None, None).bin_dir / "psql"
