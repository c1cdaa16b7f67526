"""Writes kit/migrations/schema.sql: what all migrations give on an empty PostgreSQL (`python -m tools.schema_dump`).

The file is for people to read and for the test that migrations give it; nothing runs it.
"""

import asyncio
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from callmark.kit.clock import SystemClock
from callmark.kit.engines.binaries import choose_postgres
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.postgres.migrate import migrate

FILE = Path(__file__).parent.parent / "src/callmark/kit/migrations/schema.sql"


def dump(dsn: str) -> str:
    """The schema of a database, without what differs between versions of pg_dump."""
    parts = urlsplit(dsn)
    program = choose_postgres(None, None).bin_dir / "pg_dump"
    options = ["--schema-only", "--no-owner", "--no-privileges", "--exclude-table=schema_migration"]
    result = subprocess.run(
        [program, *options, "--host", parse_qs(parts.query)["host"][0], "-U", parts.username or "", parts.path[1:]],
        env={"PGPASSWORD": parts.password or "", "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )
    return normalised(result.stdout)


def normalised(text: str) -> str:
    """A dump without session settings, pg_dump's own comments, and runs of empty lines."""
    lines = [line for line in text.splitlines() if not re.match(r"(--|SET |\\|SELECT pg_catalog\.set_config)", line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


async def _fresh_schema(data: Path) -> str:
    async with EmbeddedPostgres(data, durable=False) as dsn:
        await migrate(dsn, SystemClock())
        return dump(dsn)


if __name__ == "__main__":
    directory = Path(tempfile.mkdtemp(prefix="callmark-schema-"))
    directory.chmod(0o755)  # the engines' user has to reach it
    try:
        FILE.write_text(asyncio.run(_fresh_schema(directory / "data")))
    finally:
        shutil.rmtree(directory)
    print(f"{FILE} written")
