"""What a run wrote, searched for what it must not hold: secrets, and whole phone numbers.

Allowed are the shortened form of a number (`9180…1234`), ids, and the names of routes. Exports and downloads hold whole
numbers because that is what they are for.
"""

import asyncio
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from tests.e2e.provoked import LAST_ASKED, provoked, secrets_of
from tests.e2e.serving import run_here, until

SECRET_FILES = ("secret-key", "emulator-token", "postgres-password", "virtual-handsets-credential")
OPENING_TABLES = {"mail", "virtual_handset", "sink_request"}
"""Tables that hold what opens something: letters with links, and what belongs to the emulator."""
_LINK = re.compile(r"/console/(?:reset|invitations|alerts/confirm|alerts/stop)/([\w-]+)")
_CODE = re.compile(r"Your code to sign in is (\d{6})")
_PHONE = re.compile(
    r"(?:(?<![0-9A-Za-z])(?<![0-9a-f]{4}-)(?<!\d\.)|(?<=%2[Bb])|(?<=\\u002[Bb])|(?<=\\[nrt]))\+?(91\d{10})(?!\w)"
)
"""Also in an address or a subject of NATS; ends of ids and fractions are none (as in `chaos.leaks`)."""
_NUMBERS = (
    "SELECT phone_number FROM registration UNION SELECT phone_number FROM number UNION"
    " SELECT caller_number FROM call_record UNION SELECT receiver_number FROM call_record"
)
_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"


def leaks(data: Path, traces: Sequence[bytes]) -> list[str]:
    """Where the running demo on that directory, or its traces, told a secret or a whole phone number."""
    installation = json.loads((data / "installation.json").read_text())
    secrets = set(secrets_of(json.loads((data / "demo-credentials.json").read_text())))
    secrets |= {_value_of(data / name) for name in SECRET_FILES} | provoked(installation["base_url"], data)
    rows, numbers = asyncio.run(_stored(installation["postgres_dsn"]))
    mailed = set(_LINK.findall("\n".join(rows["mail"])))
    assert len(secrets) > len(SECRET_FILES)
    codes = set(_CODE.findall("\n".join(rows["mail"])))
    assert mailed
    assert codes
    assert numbers
    found: list[str] = []
    until(lambda: any(LAST_ASKED.encode() in sent for sent in traces))
    written = [*_written(data, installation), ("traces", b"\n".join(traces).decode(errors="replace"))]
    for where, text in written:
        found += [f"{where}: a secret"] if _holds(text, secrets | mailed) else []
        found += [f"{where}: a code" for code in codes if _holds_code(text, code)]
        found += [f"{where}: the number {number[:4]}…" for number in set(_PHONE.findall(text)) & numbers]
    kept = {table: "\n".join(told) for table, told in rows.items() if table not in OPENING_TABLES}
    return found + [f"the table {table}: a secret" for table, text in kept.items() if _holds(text, secrets)]


def _value_of(path: Path) -> str:
    """A secret file's content, without the name that some give it."""
    text = path.read_text().strip()
    return text.partition("=")[2] or text


def _holds_code(text: str, code: str) -> bool:
    """Whether a line that speaks of a code has it; six digits alone may be a process or an instant."""
    lines = (line for line in text.splitlines() if code in line)
    return any("code" in line and re.search(rf"(?<![\w.\[]){code}(?!\w)", line) for line in lines)


def _holds(text: str, secrets: Iterable[str]) -> bool:
    return any(secret in text for secret in secrets)


def _written(data: Path, installation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What processes and engines logged, every page of metrics, and what the doctor prints."""
    for path in sorted((data / "logs").iterdir()):
        yield path.name, path.read_text(errors="replace")
    yield "metrics", httpx.get(f"{installation['base_url']}/metrics", trust_env=False, timeout=60).text
    for url in installation["admin_urls"]:
        with suppress(httpx.ConnectError):  # of a process that a test killed
            yield f"{url}/metrics", httpx.get(f"{url}/metrics", trust_env=False, timeout=60).text
    done = run_here("doctor", "--data", data)
    yield "doctor", done.stdout + done.stderr


async def _stored(dsn: str) -> tuple[dict[str, list[str]], set[str]]:
    """Every row of every table, as a dump would have it; and the phone numbers that the installation knows."""
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(dsn)
    try:
        numbers = {str(row[0]) for row in await connection.fetch(_NUMBERS)}
        tables = [str(row[0]) for row in await connection.fetch(_TABLES)]
        rows = {one: await connection.fetch(f'SELECT t::text FROM "{one}" t') for one in tables}
        return {table: [str(row[0]) for row in found] for table, found in rows.items()}, numbers
    finally:
        await connection.close()
