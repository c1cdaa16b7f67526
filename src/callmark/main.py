"""The `callmark` command: subcommands are imported when they are run, so that each pays only for what it uses."""

import importlib.util
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem
from msgspec import Struct

from callmark import __version__
from callmark.kit.ending_signals import unwound_by_signals
from callmark.kit.exit_status import NoAnswer, ending, run_to_end, says_by_1
from callmark.kit.process_start import import_without, importing
from callmark.kit.standard_streams import prepare_standard_streams


class _Entry(Struct, frozen=True):
    """Where a subcommand is (`module:attribute`), and its line in the help."""

    where: str
    help: str


CLIENT_COMMANDS = {
    "login": _Entry("callmark.client.cli.login:login", "Check an API key and keep it for these commands."),
    "push": _Entry("callmark.client.cli.push:push", "Push a file of call records; can be continued when interrupted."),
    "lint": _Entry("callmark.client.cli.lint:lint", "Find what is wrong in a file of call records; sends nothing."),
    "batches": _Entry("callmark.client.cli.lookups:batches", "Look at batches of call records."),
    "records": _Entry("callmark.client.cli.lookups:records", "Look at single call records."),
    "resolve": _Entry("callmark.client.cli.lookups:resolve", "Show what a receiver would see, and why."),
    "labels": _Entry("callmark.client.cli.lists:labels", "Read the account's labels."),
    "feature-sets": _Entry("callmark.client.cli.lists:feature_sets", "Read the account's feature sets."),
    "numbers": _Entry("callmark.client.cli.lists:numbers", "Read, list and delist the account's numbers."),
    "logs": _Entry("callmark.client.cli.logs:logs", "Download Call Me Back requests and User Feedback answers."),
    "events": _Entry("callmark.client.cli.events:events", "Print events as they come."),
    "listen": _Entry("callmark.client.cli.listen:listen", "Send events, signed, to a program on this machine."),
    "trigger": _Entry("callmark.client.cli.trigger:trigger", "Make a handset of an emulator answer, for a webhook."),
    "plan": _Entry("callmark.client.cli.account_file:plan", "Show what a file would change in the account."),
    "apply": _Entry("callmark.client.cli.account_file:apply", "Make the account what a file says."),
    "export-config": _Entry("callmark.client.cli.account_file:export_config", "Write the account as a file."),
    "completion": _Entry("callmark.client.cli.completion:completion", "Print the script that completes commands."),
}
PLATFORM_COMMANDS = {
    "demo": _Entry(
        "callmark.processes.demo.command:demo", "Run a demo of the platform, with an emulator and sample accounts."
    ),
    "serve": _Entry("callmark.processes.commands:serve", "Run the platform."),
    "migrate": _Entry("callmark.processes.commands:migrate_", "Update the database schema."),
    "backup": _Entry(
        "callmark.processes.backup:backup", "Write a backup of everything but the secret key to one file."
    ),
    "restore": _Entry("callmark.processes.restore:restore", "Restore a backup."),
    "doctor": _Entry("callmark.processes.doctor:doctor", "Check the installation and suggest fixes."),
    "sip-lab": _Entry(
        "callmark.processes.sip_lab.command:sip_lab", "Make a signed call to a SIP phone on this machine."
    ),
    "retention": _Entry(
        "callmark.surfaces.cli.retention:retention",
        "Show for how long each kind of thing is kept, and what is overdue.",
    ),
    "settings": _Entry("callmark.processes.commands:settings_", "List every setting."),
    "installation": _Entry("callmark.processes.installation:group", "Tell a copy of a database from the original."),
    "secret-key": _Entry("callmark.processes.secret_key:group", "Replace a lost or leaked secret key."),
}
OPERATOR_COMMANDS = {
    "account": _Entry("callmark.surfaces.cli.account:group", "Manage client accounts."),
    "member": _Entry("callmark.surfaces.cli.member:group", "Manage the members of an account."),
    "operator": _Entry("callmark.surfaces.cli.operator:group", "Manage operators, who run the installation."),
    "key": _Entry("callmark.surfaces.cli.key:group", "Manage API keys."),
    "label": _Entry("callmark.surfaces.cli.label:group", "Manage labels and their logos."),
    "structure": _Entry(
        "callmark.surfaces.cli.structure:group", "Manage departments, operations, processes and call reasons."
    ),
    "feature-set": _Entry("callmark.surfaces.cli.feature_set:group", "Manage feature sets."),
    "number": _Entry("callmark.surfaces.cli.number:group", "List, delist and review numbers."),
    "webhook": _Entry("callmark.surfaces.cli.webhook:group", "Manage webhooks and their deliveries."),
    "campaign": _Entry("callmark.surfaces.cli.campaign:group", "Manage User Feedback campaigns and their results."),
    "callback": _Entry("callmark.surfaces.cli.callback:group", "Manage Call Me Back and its requests."),
    "handset-app": _Entry("callmark.surfaces.cli.handset_app:group", "Manage the credentials of handset apps."),
    "edge": _Entry("callmark.surfaces.cli.edge:group", "Manage edges, the call servers that have calls signed."),
    "stir": _Entry("callmark.surfaces.cli.stir:group", "Manage what calls are signed with, and trusted roots."),
    "person": _Entry("callmark.surfaces.cli.person:group", "Export or erase what is kept about a phone number."),
    "audit": _Entry("callmark.surfaces.cli.audit:group", "Verify that nobody changed the audit log."),
    "record": _Entry("callmark.surfaces.cli.record:group", "Show call records and their timelines, or withdraw one."),
}
_OF_CLIENT = "Client commands, over the API with a key (docs/client-commands.md)"
_SECTIONS = {
    _OF_CLIENT: CLIENT_COMMANDS,
    "Run the platform (docs/running.md)": PLATFORM_COMMANDS,
    "Operator commands, on the machine of the platform (docs/operator-commands.md)": OPERATOR_COMMANDS,
}
_COMMANDS = {name: entry for section in _SECTIONS.values() for name, entry in section.items()}


_INSTALL = "pip install 'callmark[server]'"
_OF_SERVER = ("asyncpg", "starlette", "uvicorn")


def _has_server() -> bool:
    """Whether the extra `server` is installed; without it a command only says how to get it, and help leaves it out."""
    return all(importlib.util.find_spec(name) for name in _OF_SERVER)


def _what_lacks(module: str) -> str:
    if module in sys.stdlib_module_names:
        return f"works on Linux and macOS only: Python has no {module} on this system"
    return f"needs the server's packages ({module} is missing): {_INSTALL}"


_WITHOUT_TEXTS = (
    "Python was started with -OO or PYTHONOPTIMIZE=2, which leaves out the texts of help and API documentation;"
    " start it without (-O and PYTHONOPTIMIZE=1 do no harm)"
)
"""They are docstrings: what a command, a field or a route is, stands once, where it is made."""


class _Commands(click.Group):
    """A group whose subcommands are imported when they are named, and whose errors are one clear line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of what can be run here, in the order of the tables."""
        return list(_COMMANDS if _has_server() else CLIENT_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports one subcommand."""
        if (entry := _COMMANDS.get(cmd_name)) is None:
            return None
        if sys.flags.optimize > 1 and not ctx.resilient_parsing:
            raise NoAnswer(_WITHOUT_TEXTS)
        if cmd_name in CLIENT_COMMANDS:
            says_by_1(ctx)
        module, _, attribute = entry.where.partition(":")
        try:
            with importing():
                if cmd_name not in CLIENT_COMMANDS:
                    import_without("structlog", "rich", "colorama")  # it would paint what is read at a terminal
                import_without(module, "pygments")  # with which httpx makes a command of its own
                command: click.Command = getattr(sys.modules[module], attribute)
        except ModuleNotFoundError as exc:
            if (exc.name or "").startswith("callmark"):
                raise
            if ctx.resilient_parsing:  # a shell completes it
                return click.Command(cmd_name, add_help_option=False)
            raise NoAnswer(f"`callmark {cmd_name}` {_what_lacks(exc.name or '')}") from exc
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The subcommand that is named. Raises UsageError with the nearest names, which click sees in no table."""
        name = args[0]
        if name in _COMMANDS or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        from difflib import get_close_matches

        nearest = " or ".join(map(repr, get_close_matches(name, self.list_commands(ctx))))
        raise click.UsageError(f"No such command {name!r}.{f' Did you mean {nearest}?' if nearest else ''}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """The help's lists, from the tables alone."""
        has_server = _has_server()
        for title, entries in _SECTIONS.items():
            if has_server or title is _OF_CLIENT:
                with formatter.section(title):
                    formatter.write_dl([(name, entry.help) for name, entry in entries.items()])
        if not has_server:
            formatter.write_paragraph()
            formatter.write_text(f"To run the platform or manage an installation: {_INSTALL}")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of subcommands with their help, without importing any; options as click has them."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return [CompletionItem(name, help=_COMMANDS[name].help) for name in names]

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:  # noqa: ANN401 - as click has it
        """Runs the command line."""
        prepare_standard_streams()
        run = partial(super().main, *args, standalone_mode=False, **extra)
        with unwound_by_signals():
            return sys.exit(run_to_end(run)) if standalone_mode else run()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the options of the program itself, and does what `--help` and `--version` say."""
        with ending(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> None:
        """Runs the subcommand; an error of ours becomes one line on standard error and an exit status."""
        with ending(ctx):
            super().invoke(ctx)


@click.group(cls=_Commands)
@click.version_option(__version__)
@click.pass_context
def cli(context: click.Context) -> None:
    """Callmark: verified business caller ID."""
    context.obj = _run_on_installation


def _run_on_installation(data: Path | None, use: Callable[[Any], Awaitable[None]]) -> None:
    """The operator commands' way into a running installation (`Entrance` of `surfaces.cli.command`)."""
    import asyncio

    from callmark.kit.telemetry import logs
    from callmark.processes.compose import open_operator_deps

    async def run() -> None:
        async with open_operator_deps(data) as deps:
            await use(deps)

    logs.set_up("error")  # a command says itself what it did; standard output is its answer alone
    asyncio.run(run())


if __name__ == "__main__":
    cli()
