"""`callmark completion`: the script that completes commands and options in a shell."""

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")


@click.command
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands in a shell.

    For bash, add this line to ~/.bashrc: eval "$(callmark completion bash)"
    """
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - click knows the three
    click.echo(made(context.find_root().command, {}, "callmark", "_CALLMARK_COMPLETE").source())
