"""The pages of commands, from click's own descriptions."""

from collections.abc import Iterator, Mapping
from inspect import cleandoc

import click
from tools.docs_site.schemas import table

from callmark.main import CLIENT_COMMANDS, OPERATOR_COMMANDS, PLATFORM_COMMANDS, cli

_PAGES: dict[str, tuple[str, str, Mapping[str, object]]] = {
    "client": (
        "Client commands",
        "They use the API with a key. [The guide](../../client-commands.md) shows them at work.",
        CLIENT_COMMANDS,
    ),
    "platform": (
        "Commands that run the platform",
        "[Running Callmark](../../running.md) shows them at work.",
        PLATFORM_COMMANDS,
    ),
    "operator": (
        "Operator commands",
        "They run on the machine of the platform. [The guide](../../operator-commands.md) shows them at work.",
        OPERATOR_COMMANDS,
    ),
}


def pages() -> dict[str, str]:
    """Markdown by path."""
    context = click.Context(cli, info_name="callmark")
    return {
        f"reference/commands/{name}.md": f"# {title}\n\n{about}\n\n" + "".join(_of_names(context, names))
        for name, (title, about, names) in _PAGES.items()
    }


def _of_names(context: click.Context, names: Mapping[str, object]) -> Iterator[str]:
    for name in names:
        command = cli.get_command(context, name)
        if command is None:
            raise LookupError(name)
        yield from _command(command, click.Context(command, parent=context, info_name=name), 2)


def _command(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    if command.hidden:
        return
    words = context.command_path
    usage = " ".join([words, *command.collect_usage_pieces(context)])
    about = cleandoc(command.help or "").replace("\b\n", "")
    yield f"{'#' * level} {words}\n\n{about}\n\n```text\n{usage}\n```\n"
    rows: list[list[object]] = [_parameter(one, context) for one in command.params]
    yield table(["Option", "Meaning"], [row for row in rows if row]) + "\n"
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _command(inner, click.Context(inner, parent=context, info_name=name), 3)


def _parameter(parameter: click.Parameter, context: click.Context) -> list[object]:
    if not isinstance(parameter, click.Option):
        return []
    record = parameter.get_help_record(context)
    if record is None:
        return []
    return [f"`{record[0]}`", record[1]]
