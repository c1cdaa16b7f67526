"""`callmark login`: asks for a key, checks it and keeps it as a profile."""

import click
from msgspec import structs

from callmark.client import inventory
from callmark.client.cli.session import CommandSession, at_terminal, command, operations_with
from callmark.client.environment import config_file
from callmark.client.errors import PermissionDenied
from callmark.client.profile_writing import write_profile
from callmark.client.profiles import DEFAULT, Profile, read_profile


@click.command
@click.option("--account-id", metavar="ID", help="The client account's id, instead of a question.")
@click.option("--key-id", metavar="ID", help="The API key's id, instead of a question.")
@command
def login(session: CommandSession, account_id: str | None, key_id: str | None) -> None:
    """Check an API key and keep it for the other commands.

    Asks for the base URL, the client account id, the key id and the secret: the console shows them when an API key is
    created. Keeps them in ~/.config/callmark/config.toml, which only you can read. A profile that exists is replaced;
    all else in the file stays.
    """
    name = session.profile or DEFAULT
    kept = read_profile(config_file(), name) or Profile()
    profile = Profile(
        (session.base_url or _asked("Base URL", kept.base_url)).strip(),
        (account_id or _asked("Client account id", kept.account_id)).strip(),
        (key_id or _asked("Key id", kept.key_id)).strip(),
        _asked("Secret", hidden=at_terminal()),
    )
    note = _check(profile)
    write_profile(config_file(), name, profile)
    if note:
        click.echo(f"Note: {note}", err=True)
    shown = {"profile": name, "base_url": profile.base_url, "account_id": profile.account_id, "key_id": profile.key_id}
    session.output.item(shown, f"The key is valid. It is kept in {config_file()}.")


def _asked(what: str, kept: str = "", *, hidden: bool = False) -> str:
    answer = click.prompt(what, default=kept or None, hide_input=hidden, err=True).strip()
    if not at_terminal():  # nobody pressed Enter, which would have ended the line
        click.echo(err=True)
    return answer


def _check(profile: Profile) -> str:
    """Uses the key once: empty, or what the server refuses to a valid key. Raises CallmarkError."""
    with operations_with(**structs.asdict(profile), profile=None) as (core, shell):
        try:
            next(shell.iterate(inventory.labels(core)), None)
        except PermissionDenied as exc:
            return str(exc)
    return ""
