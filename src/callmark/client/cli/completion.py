"""`callmark completion`: the script that completes commands and options in a shell."""

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

_SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands in a shell.

    For bash, add this line to ~/.bashrc: eval "$(callmark completion bash)"
    """
    made = _SHELLS[shell](context.find_root().command, {}, "callmark", "_CALLMARK_COMPLETE")
    click.echo(made.source())
