"""`callmark events tail`: prints events as they come."""

from functools import partial

import click
import msgspec

from callmark.client.cli.following import FollowedEvent, follow
from callmark.client.cli.session import CommandSession, command
from callmark.client.events import CallMeBackEvent, Event, FeedbackEvent, PossibleSpoofEvent, read_event
from callmark.instants import iso_ms
from callmark.terminal import echo_json, printable

_UNKNOWN = "unknown number"


@click.group
def events() -> None:
    """Read what webhooks are sent."""


@events.command
@click.option("--after", type=click.IntRange(min=0), metavar="N", help="Begin behind event N; 0 for all.")
@click.option("--no-wait", is_flag=True, help="End at the newest event.")
@command
def tail(session: CommandSession, after: int | None, *, no_wait: bool) -> None:
    """Print events as they come, a line each; with --json a JSON object each.

    Begins with the next event that is written. The first thing of each line is the number to continue with (--after).
    """
    with session.operations() as (core, shell):
        follow(core, shell, after, partial(_print, session), wait=not no_wait)


def _print(session: CommandSession, one: FollowedEvent) -> None:
    if not one.is_visible:
        return
    if session.output.as_json:
        echo_json(f'{{"number":{one.number},"event":{bytes(one.event).decode()}}}')
    else:
        click.echo(told(one))


def told(one: FollowedEvent) -> str:
    """An event in one line; what would do something to the terminal, or begin a new line, is written out."""
    return printable(_line(one))


def _line(one: FollowedEvent) -> str:
    event: Event = read_event(msgspec.json.decode(one.event), one.number)
    at = iso_ms(event.created_at) if event.created_at else "-"
    head = f"{one.number}  {at}  {event.event_type}"
    match event:
        case CallMeBackEvent():
            wish = "call back" if event.is_interested else "do not call back"
            slot = f" at {event.slot.start:%Y-%m-%dT%H:%MZ}" if event.slot else ""
            return f"{head}  {event.callable_number or _UNKNOWN}: {wish}{slot}"
        case FeedbackEvent():
            answers = "; ".join(f"{one.question} {one.answer}" for one in event.responses)
            return f"{head}  {event.client_number or _UNKNOWN}: {answers}"
        case PossibleSpoofEvent():
            caller, called = event.business_number or _UNKNOWN, event.client_number or _UNKNOWN
            return f"{head}  {caller} called {called}: {event.cause or 'no cause'}"
        case _:
            return head
