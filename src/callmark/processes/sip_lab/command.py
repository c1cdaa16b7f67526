"""`callmark sip-lab`: one call through real SIP programs, and what the phone showed."""

import secrets
import sys
from pathlib import Path

import click
from msgspec.structs import asdict

from callmark.kit.exit_status import AnsweringCommand
from callmark.kit.telemetry import logs
from callmark.processes.compose import open_operator_deps
from callmark.processes.signals import run_until_stopped
from callmark.processes.sip_lab.programs import demand_programs
from callmark.processes.sip_lab.scenes import Played, Scene, play
from callmark.surfaces.cli.command import check_for_command, operator_at_terminal
from callmark.surfaces.cli.options import data_option, json_option
from callmark.terminal import Output

_HELP = {
    Scene.ANSWER: "The call is announced, signed and answered (default).",
    Scene.DECLINE: "The receiver declines the call.",
    Scene.RING_OUT: "Nobody answers, and the caller gives up.",
    Scene.SPOOF: "Someone else calls with the business's number and name, and a forged signature.",
    Scene.SERVICE_DOWN: "The platform cannot be reached while the call is made.",
}


@click.command("sip-lab", cls=AnsweringCommand)
@click.option("--answer", "scene", flag_value=Scene.ANSWER, default=True, help=_HELP[Scene.ANSWER])
@click.option("--decline", "scene", flag_value=Scene.DECLINE, help=_HELP[Scene.DECLINE])
@click.option("--ring-out", "scene", flag_value=Scene.RING_OUT, help=_HELP[Scene.RING_OUT])
@click.option("--spoof", "scene", flag_value=Scene.SPOOF, help=_HELP[Scene.SPOOF])
@click.option("--service-down", "scene", flag_value=Scene.SERVICE_DOWN, help=_HELP[Scene.SERVICE_DOWN])
@data_option
@json_option
def sip_lab(*, scene: Scene, data: Path | None, as_json: bool) -> None:
    """Make a signed call to a SIP phone on this machine, and print what the phone showed.

    Starts two proxies and a phone, announces a call of an account of the running installation, and makes it. Exit
    status 1 when the phone did not show what it should, 2 when no call could be made, 3 when a program is missing.
    """
    demand_programs()
    logs.set_up("error")
    played = run_until_stopped(_play(data, Scene(scene), as_json=as_json))
    if played is None:  # stopped by a signal
        sys.exit(130)
    _check(Scene(scene), played)


async def _play(data: Path | None, scene: Scene, *, as_json: bool) -> Played:
    async with open_operator_deps(data) as deps:
        async with deps.db.connection() as tx:
            await check_for_command(tx, reads=False)
        reason = f"SIP lab call {1000 + secrets.randbelow(9000)}"
        played = await play(deps, scene, reason, by=operator_at_terminal())
        _print(played, as_json=as_json)  # before a signal can come while the engines' connections are closed
        return played


def _print(played: Played, *, as_json: bool) -> None:
    shown: dict[str, object] | None = asdict(played.shown) if played.shown else None
    found: dict[str, object] = {"verstat": played.verstat, "outcome": played.outcome}
    out = Output(as_json=as_json)
    if as_json:
        out.item({"shown": shown, **found})
    else:
        said = "The phone showed:" if shown else "The phone showed no name."
        out.item((shown or {}) | found, f"+{played.caller} called +{played.receiver}. {said}")


def _check(scene: Scene, played: Played) -> None:
    """Raises ClickException when the phone did not show what the scene is about."""
    if scene.is_branded and played.shown is None:
        raise click.ClickException(f"the phone should have shown a name; verification said {played.verstat}")
    if not scene.is_branded and played.shown is not None:
        raise click.ClickException("the phone should have shown no name")
    if played.outcome is None:
        raise click.ClickException("the platform got no report of how the call ended")
