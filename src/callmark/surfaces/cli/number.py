"""`callmark number`: list and delist numbers, singly or from a file, and review listings."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import BinaryIO

import click

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, FeatureSetId, LabelId, ListingJobId
from callmark.domain.numbers import imports, number_list_parser, reviews, search as number_search, service
from callmark.domain.numbers.model import NumberFilter, NumberState, RequestStatus
from callmark.domain.numbers.number_list_parser import ListReading, NumberList
from callmark.domain.numbers.proofs.model import ProofState
from callmark.domain.policy.model import WHOLE_ACCOUNT
from callmark.domain.policy.plan import Feature
from callmark.domain.stale_confirmations import digest_of
from callmark.kit.errors import InvalidInput
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.cli import number_proof
from callmark.surfaces.cli.command import FeatureGroup, operator, operator_at_terminal
from callmark.surfaces.cli.number_out import (
    delisted_row,
    job_row,
    number_row,
    print_answer,
    print_rejected,
    published_row,
    rejected_count,
    said_of,
)
from callmark.surfaces.cli.options import account_option, id_argument, yes_option
from callmark.surfaces.cli.paging import part
from callmark.surfaces.cli.prompts import sure
from callmark.tables.reader import kind_of, misplaced
from callmark.terminal import Output, Row

_COLUMNS = ("phone_number", "state", "proof", "phone_type", "feature_set_name", "label_name", "updated_at", "why")
_JOB_COLUMNS = ("id", "kind", "state", "number_count", "done_count", "failed_count", "requested_at", "ended_at")
_REVIEW_COLUMNS = ("id", "account_name", "feature_set_name", "label_name", "waiting_count", "examples", "requested_at")

WOULD_BE = "Dry run: nothing was changed. The result would be:"

feature_set_option = click.option(
    "--feature-set", "feature_set", type=click.UUID, required=True, metavar="ID", help="The feature set's id."
)
region_option = click.option(
    "--region",
    default="",
    metavar="CC",
    help="Two-letter country code, such as IN, for numbers without a country code.",
)


def reading_options(command: Callable[..., object]) -> Callable[..., object]:
    """How a file is read; the command gets them as `reading`."""

    @region_option
    @click.option("--column", default="", metavar="NAME", help="The column with the numbers: its name or position.")
    @click.option("--encoding", default="", help="The file's encoding, such as cp1252 (default: detected).")
    @click.option("--sheet", default="", metavar="NAME", help="The sheet of a workbook (default: the first with rows).")
    @wraps(command)
    def with_reading(*args: object, region: str, column: str, encoding: str, sheet: str, **others: object) -> object:
        return command(*args, reading=ListReading(region, column, encoding, sheet), **others)

    return with_reading


dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would happen, without changing anything.")
file_argument = click.argument("file", type=click.File("rb"))
numbers_argument = click.argument("numbers", nargs=-1, required=True, metavar="NUMBER...")


@click.group(cls=FeatureGroup, feature=Feature.NUMBER_MANAGEMENT)
def group() -> None:
    """Manage the numbers a business calls from."""


group.add_command(number_proof.group)


@group.command("list")
@account_option
@click.option("--feature-set", "feature_set", type=click.UUID, metavar="ID", help="Only in this feature set.")
@click.option("--search", default="", help="The first digits of a number, or the start of a feature set's name.")
@click.option("--state", type=click.Choice(NumberState, case_sensitive=False), help="Only in this state.")
@click.option("--proof", type=click.Choice(ProofState, case_sensitive=False), help="Only with this proof.")
@click.option("--after", metavar="NUMBER", help="Show the page after this number.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@operator
async def list_(
    deps: Deps,
    out: Output,
    account: AccountId,
    feature_set: FeatureSetId | None,
    search: str,
    state: NumberState | None,
    *,
    proof: ProofState | None,
    after: str | None,
    limit: int,
) -> None:
    """List numbers, newest first."""
    of = deps, account, WHOLE_ACCOUNT
    last = (await number_search.get_number(*of, _number(after)))[0].number if after else None
    wanted = NumberFilter(search, state, feature_set=feature_set, proof=proof)
    before = number_search.page_of(last) if last else None
    found = await number_search.search_numbers(*of, wanted, before=before, limit=limit + 1)
    shown = part(found, limit, lambda one: one.number.phone_number)
    hint = "No numbers match. List one with `callmark number publish NUMBER --account ID --feature-set ID`."
    out.rows([number_row(one) for one in shown], _COLUMNS, empty=hint)


@group.command
@click.argument("number")
@account_option
@region_option
@operator
async def show(deps: Deps, out: Output, number: str, account: AccountId, region: str) -> None:
    """Show one number, with the job that is processing it."""
    details, job = await number_search.get_number(deps, account, WHOLE_ACCOUNT, _number(number, region))
    row = number_row(details)
    if out.as_json:
        out.item({**row, "job": job_row(job) if job else None})
        return
    out.item(row)
    if job:
        out.item(job_row(job), "The job that is processing it:")


@group.command
@numbers_argument
@account_option
@feature_set_option
@region_option
@operator
async def publish(
    deps: Deps, out: Output, numbers: Sequence[str], account: AccountId, feature_set: FeatureSetId, region: str
) -> None:
    """List numbers in a feature set and publish the set."""
    listed = number_list_parser.read_list("\n".join(numbers), ListReading(region))
    await _append(deps, out, listed, account, feature_set, dry_run=False)


@group.command
@numbers_argument
@account_option
@feature_set_option
@region_option
@yes_option
@operator
async def delist(
    deps: Deps,
    out: Output,
    numbers: Sequence[str],
    account: AccountId,
    feature_set: FeatureSetId,
    region: str,
    *,
    yes: bool,
) -> None:
    """Remove numbers from a feature set and from the account."""
    listed = number_list_parser.read_list("\n".join(numbers), ListReading(region))
    _refuse_none(out, listed)
    sure(f"Delist {len(listed.numbers)} numbers? Their calls will show no identity.", yes=yes)
    of = deps, account, feature_set
    answer = await service.delist(*of, listed.numbers, by=operator_at_terminal())
    print_answer(out, delisted_row(answer), listed, said_of(answer.status))


@group.command
@file_argument
@account_option
@feature_set_option
@reading_options
@dry_run_option
@operator
async def append(
    deps: Deps,
    out: Output,
    file: BinaryIO,
    account: AccountId,
    feature_set: FeatureSetId,
    reading: ListReading,
    *,
    dry_run: bool,
) -> None:
    """Add the numbers in a file (CSV, .xlsx, or one per line; `-` for standard input) to a feature set."""
    await _append(deps, out, _read(file, reading), account, feature_set, dry_run=dry_run)


@group.command
@file_argument
@account_option
@feature_set_option
@reading_options
@click.option("--skip-rejected", is_flag=True, help="Continue even if some lines contain no valid number.")
@dry_run_option
@yes_option
@operator
async def rewrite(
    deps: Deps,
    out: Output,
    file: BinaryIO,
    account: AccountId,
    feature_set: FeatureSetId,
    reading: ListReading,
    *,
    skip_rejected: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Replace a feature set's numbers with those in a file: list new ones, delist the rest."""
    listed = _read(file, reading)
    _refuse_none(out, listed)
    of = account, feature_set
    going = await imports.list_rest(deps, *of, listed.numbers, WHOLE_ACCOUNT)
    if dry_run:
        answer = await imports.preview(deps, *of, listed.numbers, WHOLE_ACCOUNT)
        print_answer(out, {**published_row(answer), "delisted_count": len(going)}, listed, WOULD_BE)
        return
    if listed.rejected and not skip_rejected:
        print_rejected(out, listed)
        raise InvalidInput(f"{rejected_count(listed)}; nothing was changed. Fix the file, or use --skip-rejected.")
    sure(f"Delist {len(going)} numbers that are not in the file? Their calls will show no identity.", yes=yes)
    shown = "" if yes else digest_of(going)
    answer, count = await imports.rewrite(deps, *of, listed.numbers, by=operator_at_terminal(), shown=shown)
    status = RequestStatus.PENDING if count else answer.status
    row = {**published_row(answer), "status": status, "delisted_count": count}
    print_answer(out, row, listed, said_of(status))


@group.command("import")
@file_argument
@account_option
@click.option("--name", required=True, help="The number group's name; if it exists, the numbers are added to it.")
@click.option("--label", type=click.UUID, required=True, metavar="ID", help="The static label it shows.")
@reading_options
@operator
async def import_(
    deps: Deps, out: Output, file: BinaryIO, account: AccountId, name: str, label: LabelId, reading: ListReading
) -> None:
    """Import a number group from an older console; publish its numbers in a feature set to migrate them."""
    listed = _read(file, reading)
    group_, answer = await imports.import_group(deps, account, name, label, listed.numbers, by=operator_at_terminal())
    print_answer(out, {"number_group_id": group_.id, **published_row(answer)}, listed, said_of(answer.status))


@group.command
@account_option
@click.option("--feature-set", "feature_set", type=click.UUID, metavar="ID", help="Only for this feature set.")
@click.option("--after", type=click.UUID, metavar="ID", help="Show the page after this job.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@operator
async def jobs(
    deps: Deps,
    out: Output,
    account: AccountId,
    feature_set: FeatureSetId | None,
    after: ListingJobId | None,
    limit: int,
) -> None:
    """List listing requests and their progress, newest first."""
    of = deps, account, WHOLE_ACCOUNT
    last = await reviews.get_job(*of, after) if after else None
    found = await reviews.list_jobs(
        *of, feature_set_id=feature_set, before=(last.requested_at, last.id) if last else None, limit=limit + 1
    )
    out.rows([job_row(job) for job in part(found, limit, lambda one: one.id)], _JOB_COLUMNS, empty="No requests yet.")


@group.group
def review() -> None:
    """Approve or reject listing requests (with CALLMARK_LISTING_POLICY=review)."""


@review.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@operator
async def list_reviews(deps: Deps, out: Output, limit: int) -> None:
    """List the requests awaiting review in all accounts, oldest first."""
    rows: list[Row] = [
        {
            **job_row(one.job),
            "waiting_count": one.waiting_count,
            "account_name": one.account_name,
            "feature_set_name": one.feature_set_name,
            "label_name": one.label_name,
            "examples": one.examples,
        }
        for one in part(await reviews.list_reviews(deps, limit=limit + 1), limit)
    ]
    out.rows(rows, _REVIEW_COLUMNS, empty="No requests are awaiting review.")


@review.command
@id_argument
@operator
async def approve(deps: Deps, out: Output, id: ListingJobId) -> None:
    """Approve a request; its numbers are then listed."""
    decided = await reviews.approve(deps, id, by=operator_at_terminal())
    out.item(job_row(decided.job), "Approved.")


@review.command
@id_argument
@click.option(
    "--reason", required=True, help="The reason, at most 200 characters; the business sees it next to each number."
)
@operator
async def reject(deps: Deps, out: Output, id: ListingJobId, reason: str) -> None:
    """Reject a request; its numbers become failed and show the reason."""
    decided = await reviews.reject(deps, id, reason, by=operator_at_terminal())
    out.item(job_row(decided.job), "Rejected.")


def _read(file: BinaryIO, reading: ListReading) -> NumberList:
    content = file.read()
    kind = kind_of(content)
    if part := misplaced(kind, encoding=reading.encoding, sheet=reading.sheet):
        raise InvalidInput(f"the file is read as {kind}: leave out --{part}", field=part)
    return number_list_parser.read_list(content, reading)


async def _append(
    deps: Deps, out: Output, listed: NumberList, account: AccountId, feature_set: FeatureSetId, *, dry_run: bool
) -> None:
    _refuse_none(out, listed)
    of = account, feature_set
    if dry_run:
        answer = await imports.preview(deps, *of, listed.numbers, WHOLE_ACCOUNT)
        print_answer(out, published_row(answer), listed, WOULD_BE)
        return
    answer = await imports.append(deps, *of, listed.numbers, by=operator_at_terminal())
    print_answer(out, published_row(answer), listed, said_of(answer.status))


def _refuse_none(out: Output, listed: NumberList) -> None:
    if not listed.numbers:
        print_rejected(out, listed)
        raise InvalidInput("it contains no numbers", field="numbers")


def _number(text: str, region: str = "") -> PhoneNumber:
    return number_list_parser.asked_number(text, region)
