"""`callmark number proof`: decide whether accounts may call from their numbers."""

from collections.abc import Sequence
from typing import BinaryIO

import click

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, ProofRequestId
from callmark.domain.numbers import number_list_parser, search as number_search
from callmark.domain.numbers.model import MOST_NUMBERS, NumberFilter, NumberState
from callmark.domain.numbers.proofs import service as proofs
from callmark.domain.numbers.proofs.model import ProofRequest, ProofState
from callmark.domain.policy.model import WHOLE_ACCOUNT
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.cli.command import operator, operator_at_terminal
from callmark.surfaces.cli.files import written
from callmark.surfaces.cli.options import account_option, id_argument
from callmark.surfaces.cli.paging import part
from callmark.terminal import Output, Row

_COLUMNS = ("id", "account_name", "waiting_count", "examples", "letter_name", "requested_by_email", "requested_at")
_PROVABLE = frozenset({NumberState.PENDING, NumberState.LISTED})

numbers_argument = click.argument("numbers", nargs=-1, metavar="[NUMBER]...")
reason_option = click.option(
    "--reason", required=True, help="The reason, at most 200 characters; the business sees it next to each number."
)


@click.group("proof")
def group() -> None:
    """Decide whether accounts may call from their numbers."""


@group.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@operator
async def list_(deps: Deps, out: Output, limit: int) -> None:
    """List the requests that wait, in all accounts, oldest first."""
    rows = [_row(one) for one in part(await proofs.list_waiting(deps, limit=limit + 1), limit)]
    out.rows(rows, _COLUMNS, empty="No proof requests are waiting.")


@group.command
@id_argument
@operator
async def show(deps: Deps, out: Output, id: ProofRequestId) -> None:
    """Show one request."""
    out.item(_row(await proofs.get_request_of_any_account(deps, id)))


@group.command
@id_argument
@click.option("--output", type=click.File("wb"), required=True, metavar="FILE", help="Where to write it.")
@operator
async def letter(deps: Deps, out: Output, id: ProofRequestId, output: BinaryIO) -> None:
    """Save the letter of authorisation of a request."""
    found = await proofs.read_letter(deps, id)
    with written(output):
        output.write(found.content)
    out.item({"name": found.name, "media_type": found.media_type, "bytes": len(found.content)})


@group.command
@id_argument
@operator
async def approve(deps: Deps, out: Output, id: ProofRequestId) -> None:
    """Approve a request; its numbers are then proven."""
    out.item(_row(await proofs.approve(deps, id, by=operator_at_terminal())), "Approved.")


@group.command
@id_argument
@reason_option
@operator
async def refuse(deps: Deps, out: Output, id: ProofRequestId, reason: str) -> None:
    """Refuse a request; its numbers show the reason."""
    out.item(_row(await proofs.refuse(deps, id, reason, by=operator_at_terminal())), "Refused.")


@group.command("set")
@numbers_argument
@account_option
@click.option("--all", "every", is_flag=True, help="Every number of the account that is listed or being listed.")
@operator
async def set_(deps: Deps, out: Output, numbers: Sequence[str], account: AccountId, *, every: bool) -> None:
    """Record that numbers of an account are proven."""
    if every == bool(numbers):
        raise click.UsageError("Give numbers, or --all.")
    chosen = await _unproven(deps, account) if every else _read(numbers)
    count, by = 0, operator_at_terminal()
    for at in range(0, len(chosen), MOST_NUMBERS):
        count += await proofs.prove_numbers(deps, account, chosen[at : at + MOST_NUMBERS], by=by)
    out.item({"client_account_id": account, "proven_count": count}, f"Proven: {count}.")


@group.command
@numbers_argument
@account_option
@reason_option
@operator
async def end(deps: Deps, out: Output, numbers: Sequence[str], account: AccountId, reason: str) -> None:
    """Record that numbers of an account are not proven, or no longer."""
    chosen = _read(numbers)
    await proofs.refuse_numbers(deps, account, chosen, reason, by=operator_at_terminal())
    out.item({"client_account_id": account, "refused_count": len(chosen)}, f"Not proven: {len(chosen)}.")


def _read(numbers: Sequence[str]) -> list[PhoneNumber]:
    return [number_list_parser.asked_number(text, "") for text in numbers]


async def _unproven(deps: Deps, account_id: AccountId) -> list[PhoneNumber]:
    """The account's numbers that can be proven and are not."""
    pages = number_search.all_numbers(deps, account_id, WHOLE_ACCOUNT, NumberFilter())
    return [
        one.number.phone_number
        async for page in pages
        for one in page
        if one.number.state in _PROVABLE and one.proof.state is not ProofState.PROVEN
    ]


def _row(one: ProofRequest) -> Row:
    return {
        "id": one.id,
        "client_account_id": one.account_id,
        "account_name": one.account_name,
        "state": one.state,
        "number_count": one.number_count,
        "waiting_count": one.waiting_count,
        "examples": one.examples,
        "letter_name": one.letter_name,
        "requested_by_email": one.requested_by_email,
        "requested_at": one.requested_at,
        "reviewed_by_email": one.reviewed_by_email,
        "reviewed_at": one.reviewed_at,
        "why": one.why,
    }
