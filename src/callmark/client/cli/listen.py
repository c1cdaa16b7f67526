"""`callmark listen`: posts events, signed as webhooks are, to a program on this machine; no tunnel is needed."""

import base64
import hashlib
import hmac
import secrets
from binascii import Error as NotBase64
from urllib.parse import urlsplit

import click
import httpx
import msgspec

from callmark.client.addresses import host_fault
from callmark.client.cli.events import told
from callmark.client.cli.following import FollowedEvent, follow
from callmark.client.cli.session import SOME_FAILED, CommandSession, command, end
from callmark.client.core import USER_AGENT
from callmark.client.environment import Environment
from callmark.terminal import echo_json

PREFIX = "whsec_"
SECRET_VARIABLE = "CALLMARK_WEBHOOK_SECRET"
"""That of the example receivers, which may hold several, separated by commas: the first is the newest."""
_ANSWERS_WITHIN_S = 20.0
"""As long as the platform waits for a receiver (docs/webhooks.md)."""
_SECRET_BYTES = 24
_GOOD, _NOT_GOOD = 200, 300


class _EventId(msgspec.Struct):
    event_id: str = ""


@click.command
@click.option("--forward-to", required=True, metavar="URL", help="Where to post events: http://localhost:4000/hooks")
@click.option(
    "--secret",
    envvar=SECRET_VARIABLE,
    metavar="S",
    help=f"The signing secret, whsec_…; better in {SECRET_VARIABLE}. A new one if left out.",
)
@click.option("--after", type=click.IntRange(min=0), metavar="N", help="Begin behind event N; 0 for all.")
@click.option("--no-wait", is_flag=True, help="End at the newest event.")
@command
def listen(session: CommandSession, forward_to: str, secret: str | None, after: int | None, *, no_wait: bool) -> None:
    """Post events to a program on this machine as they come, signed as webhooks are.

    Prints the signing secret if it is new, then a line for each event with the status that the program answered. An
    event is posted once; to have one again, use --after.
    """
    _check_url(forward_to)
    if secret is None:
        secret = PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
        click.echo(f"Signing secret: {secret}", err=True)
    key = read_key(secret)
    not_taken: list[int] = []
    if not no_wait:
        click.echo("Waiting for events. Ctrl-C ends it.", err=True)
    with session.operations() as (core, shell), httpx.Client(timeout=_ANSWERS_WITHIN_S, trust_env=False) as http:

        def forward(one: FollowedEvent) -> None:
            if one.is_visible:
                status, why = _posted(http, forward_to, key, one)
                _print(session, one, status, why)
                if not _is_good(status):
                    not_taken.append(one.number)

        follow(core, shell, after, forward, wait=not no_wait)
    if not_taken:
        end(SOME_FAILED)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise click.UsageError(f"--forward-to {url}: write http://localhost:4000/hooks")
    if fault := host_fault(url):
        raise click.UsageError(f"--forward-to {url}: {fault}")


def _is_good(status: int | None) -> bool:
    return status is not None and _GOOD <= status < _NOT_GOOD


def read_key(secret: str) -> bytes:
    """The bytes that sign. Raises UsageError for what is no secret."""
    try:
        key = base64.b64decode(secret.split(",", maxsplit=1)[0].strip().removeprefix(PREFIX), validate=True)
    except (NotBase64, ValueError) as exc:
        raise click.UsageError(f"--secret ({SECRET_VARIABLE}): copy it whole, it begins with whsec_") from exc
    if not key:
        raise click.UsageError(f"--secret ({SECRET_VARIABLE}): it is empty")
    return key


def signed(event_id: str, body: bytes, key: bytes, now_s: int) -> dict[str, str]:
    """The headers of Standard Webhooks, as the platform sends them."""
    digest = hmac.digest(key, f"{event_id}.{now_s}.".encode() + body, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "webhook-id": event_id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _posted(http: httpx.Client, url: str, key: bytes, one: FollowedEvent) -> tuple[int | None, str]:
    """The status of the program's answer; None and the reason if there is no answer."""
    body = bytes(one.event)
    event_id = msgspec.json.decode(body, type=_EventId).event_id
    headers = signed(event_id, body, key, int(Environment().now()))
    try:
        return http.post(url, content=body, headers=headers).status_code, ""
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        return None, str(exc) or type(exc).__name__


def _print(session: CommandSession, one: FollowedEvent, status: int | None, why: str) -> None:
    if session.output.as_json:
        line = {"number": one.number, "status": status, "error": why or None, "event": one.event}
        echo_json(msgspec.json.encode(line).decode())
        return
    click.echo(f"{told(one)}  -> {status or why}")
    if not _is_good(status):
        click.echo(f"The program did not take event {one.number}. Again: --after {one.number - 1}", err=True)
