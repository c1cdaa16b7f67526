"""Profiles: made by `login`, used by every command, and refused when others can read them."""

import json
import stat
import tomllib
from pathlib import Path
from uuid import uuid4

from tests.client.cli.conftest import Commands
from tests.client.conftest import Platform

from callmark.kit.ports import free_port


def typed(platform: Platform, **changed: str) -> str:
    """What a person types: base URL, account id, key id, secret."""
    return "".join(f"{changed.get(name, value)}\n" for name, value in platform.options.items())


def config_of(commands: Commands) -> Path:
    return commands.home / ".config" / "callmark" / "config.toml"


async def test_a_key_is_asked_for_checked_and_kept(platform: Platform, nobody: Commands) -> None:
    done = await nobody.run("login", typed=typed(platform))
    assert done.exit_code == 0, done.output
    asked = [done.stderr.index(what) for what in ("Base URL", "Client account id", "Key id", "Secret")]
    assert asked == sorted(asked)
    assert "The key is valid" in done.stdout
    assert platform.options["api_key"] not in done.stdout
    kept = config_of(nobody)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert tomllib.loads(kept.read_text()) == {"profiles": {"default": platform.options}}
    rows = await nobody.answer("labels", "list")
    assert [row["id"] for row in rows] == [str(platform.cast.label.id)]


async def test_profiles_have_names_and_commands_of_one_share_a_token(platform: Platform, nobody: Commands) -> None:
    done = await nobody.run("login", "--profile", "dev", "--json", typed=typed(platform))
    assert json.loads(done.stdout) == {
        "profile": "dev",
        **{name: platform.options[name] for name in ("base_url", "account_id", "key_id")},
    }
    without = await nobody.run("labels", "list")
    assert (without.exit_code, "callmark login" in without.stderr) == (2, True)
    for _ in range(12):  # more than the ten tokens of half an hour
        assert (await nobody.run("labels", "list", "--profile", "dev")).exit_code == 0
    tokens = json.loads((config_of(nobody).parent / "tokens.json").read_text())
    assert [len(state["history"]) for state in tokens.values()] == [1]


async def test_a_profile_file_that_is_a_link_stays_one(platform: Platform, nobody: Commands) -> None:
    dotfile = nobody.home / "dotfiles" / "callmark.toml"
    for folder in (dotfile.parent, config_of(nobody).parent):
        folder.mkdir(parents=True)
    config_of(nobody).symlink_to(dotfile)
    for profile in ("default", "dev"):
        assert (await nobody.run("login", "--profile", profile, typed=typed(platform))).exit_code == 0
    assert config_of(nobody).readlink() == dotfile
    assert set(tomllib.loads(dotfile.read_text())["profiles"]) == {"default", "dev"}


async def test_a_profile_that_others_can_read_is_refused(platform: Platform, nobody: Commands) -> None:
    await nobody.run("login", typed=typed(platform))
    config_of(nobody).chmod(0o644)
    done = await nobody.run("labels", "list")
    assert done.exit_code == 2
    assert "can be read by others: run `chmod 600" in done.stderr
    again = await nobody.run("login", typed=typed(platform))
    assert again.exit_code == 2


async def test_a_key_that_is_not_valid_is_not_kept(platform: Platform, nobody: Commands) -> None:
    wrong = await nobody.run("login", typed=typed(platform, api_key=str(uuid4())))
    assert wrong.exit_code == 3
    assert "HTTP 401" in wrong.stderr
    assert "\nError: " in wrong.stderr  # on a line of its own, though nobody ended that of the prompt
    nowhere = await nobody.run("login", typed=typed(platform, base_url=f"http://127.0.0.1:{free_port()}"))
    assert nowhere.exit_code == 4
    assert "cannot reach" in nowhere.stderr
    assert not config_of(nobody).exists()


async def test_a_profile_on_the_command_line_is_stronger_than_variables(
    platform: Platform, nobody: Commands, commands: Commands
) -> None:
    await nobody.run("login", "--profile", "dev", typed=typed(platform))
    spoiled = Commands(commands.home, {**commands.variables, "CALLMARK_API_KEY": str(uuid4())})
    assert (await spoiled.run("labels", "list")).exit_code == 3
    assert (await spoiled.run("labels", "list", "--profile", "dev")).exit_code == 0
    missing = await commands.run("labels", "list", "--profile", "prod")
    assert (missing.exit_code, "callmark login --profile prod" in missing.stderr) == (2, True)
    elsewhere = f"http://127.0.0.1:{free_port()}"
    assert (await commands.run("labels", "list", "--base-url", elsewhere)).exit_code == 4


async def test_commands_work_where_nothing_can_be_written(platform: Platform, commands: Commands) -> None:
    config_of(commands).parent.parent.mkdir()
    config_of(commands).parent.symlink_to("/proc/self")  # it is there, and not even root can make a file in it
    rows = await commands.answer("labels", "list")
    assert [row["id"] for row in rows] == [str(platform.cast.label.id)]
    done = await commands.run("login", typed=typed(platform))
    assert (done.exit_code, "cannot write" in done.stderr) == (2, True)


async def test_a_proxy_that_cannot_be_used_ends_a_command_with_a_sentence(nobody: Commands) -> None:
    here = Commands(nobody.home, {**nobody.variables, "ALL_PROXY": "socks5://127.0.0.1:1080"})
    done = await here.run("login", "--base-url", "https://callmark.example", typed="account\nkey\nsecret\n")
    assert (done.exit_code, "ALL_PROXY: a SOCKS proxy needs `pip install 'httpx[socks]'`" in done.stderr) == (2, True)
