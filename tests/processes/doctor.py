"""The doctor's command on a test's engines."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import LiteralString

import msgspec
from aiohttp import web
from click.testing import CliRunner, Result
from msgspec import Struct
from tests.support.engines import Engines

from callmark.kit.checks import CheckResult
from callmark.kit.postgres.database import connect
from callmark.main import cli


class Doctor(Struct):
    """Runs the command with these variables, changed for each run."""

    variables: dict[str, str]

    async def examine(self, **changed: str) -> dict[str, CheckResult]:
        """What it finds, by name; its exit status tells whether something is wrong."""
        done = await self._run("--json", **changed)
        found = msgspec.json.decode(done.stdout, type=list[CheckResult])
        assert done.exit_code == (0 if all(one.ok for one in found) else 1)
        return {one.name: one for one in found}

    async def problem(self, **changed: str) -> CheckResult:
        """The one thing that is wrong, which people read too."""
        (wrong,) = [one for one in (await self.examine(**changed)).values() if not one.ok]
        text = (await self._run(**changed)).stdout
        assert f"problem  {wrong.name}: " in text
        assert f"\n         {wrong.advice}\n" in text
        return wrong

    async def text(self) -> str:
        """What people read."""
        return (await self._run()).stdout

    async def _run(self, *arguments: str, **changed: str) -> Result:
        variables = self.variables | {f"CALLMARK_{name.upper()}": value for name, value in changed.items()}
        return await asyncio.to_thread(CliRunner().invoke, cli, ["doctor", *arguments], env=variables)


async def execute(engines: Engines, *statements: LiteralString) -> None:
    async with connect(engines.dsn) as tx:
        for statement in statements:
            await tx.execute(statement)


@asynccontextmanager
async def serving(path: str, answer: object) -> AsyncGenerator[int]:
    """Another program, which answers on that path; its port."""
    app = web.Application()
    app.router.add_route("*", path, answer)  # pyright: ignore[reportArgumentType] - aiohttp's own type is not exported
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()
