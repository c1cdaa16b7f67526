"""What `callmark number` prints: numbers, answers bucket by bucket, jobs, and lines of a file that give no number."""

from typing import cast

import click

from callmark.domain.numbers.model import Delisted, ListingJob, NumberDetails, Published, RequestStatus
from callmark.domain.numbers.number_list_parser import NumberList
from callmark.tables.numbers import how_it_was_read
from callmark.terminal import Output, Row, printable

MOST_SHOWN = 20
"""Rejected lines that are printed for people; JSON has them all."""


def print_answer(out: Output, row: Row, listed: NumberList, said: str) -> None:
    """An answer: in JSON every number, for people how many in each bucket that has some."""
    if out.as_json:
        rejected = [{"line": one.line, "text": one.text, "why": one.why} for one in listed.rejected]
        out.item(
            {
                **row,
                "duplicate_count": listed.duplicate_count,
                "rejected": rejected,
                "columns": listed.columns,
                "unused_columns": listed.unused,
                "skipped": listed.skipped,
                "notes": listed.notes,
            }
        )
        return
    lists = {name: cast("list[object]", value) for name, value in row.items() if isinstance(value, list)}
    counts = {name: len(lists[name]) if name in lists else value for name, value in row.items() if name != "status"}
    out.item({name: value for name, value in counts.items() if value}, said)
    print_rejected(out, listed)


def said_of(status: RequestStatus) -> str:
    """What an answer's status means, for people."""
    return "Accepted. This takes a few seconds:" if status is RequestStatus.PENDING else "Nothing to do:"


def print_rejected(out: Output, listed: NumberList) -> None:
    """What was not used, and the lines that give no number, on standard error; in JSON they are in the answer."""
    if out.as_json:
        return
    for told in how_it_was_read(listed.columns, listed.unused, listed.skipped, listed.notes):
        click.echo(printable(told), err=True)
    if not listed.rejected:
        return
    click.echo(f"{rejected_count(listed)}:", err=True)
    for one in listed.rejected[:MOST_SHOWN]:
        click.echo(f"  line {one.line}: {one.text!r}: {one.why}", err=True)
    if len(listed.rejected) > MOST_SHOWN:
        click.echo(f"  … and {len(listed.rejected) - MOST_SHOWN} more (--json has all)", err=True)


def rejected_count(listed: NumberList) -> str:
    """How many lines contain no valid number, in words."""
    count = len(listed.rejected)
    return f"{count} line contains no valid number" if count == 1 else f"{count} lines contain no valid number"


def published_row(answer: Published) -> Row:
    """What is printed of the answer to a publish request."""
    return {
        "status": answer.status,
        "job_id": answer.job_id,
        "new": answer.new,
        "updated": answer.updated,
        "migrated": answer.migrated,
        "existing": answer.existing,
        "delisted": answer.delisted,
        "other_feature_set": answer.other_feature_set,
        "other_phone_type": answer.other_phone_type,
        "others": answer.others,
    }


def delisted_row(answer: Delisted) -> Row:
    """What is printed of the answer to a delist request."""
    return {
        "status": answer.status,
        "job_id": answer.job_id,
        "existing": answer.existing,
        "processing": answer.processing,
        "new": answer.new,
        "other_feature_set": answer.other_feature_set,
        "other_phone_type": answer.other_phone_type,
        "others": answer.others,
    }


def number_row(found: NumberDetails) -> Row:
    """What is printed of a number."""
    number, names = found.number, found.names
    return {
        "phone_number": number.phone_number,
        "state": number.state,
        "phone_type": number.phone_type,
        "feature_set_id": number.feature_set_id,
        "feature_set_name": names.feature_set_name,
        "department": names.department,
        "operation": names.operation,
        "process": names.process,
        "sub_process": names.sub_process,
        "label_name": names.label_name,
        "call_me_back": names.call_me_back,
        "why": number.why,
        "job_id": number.job_id,
        "proof": found.proof.state,
        "proof_way": found.proof.way,
        "proof_by_email": found.proof.by_email,
        "proof_at": found.proof.at,
        "proof_why": found.proof.why,
        "created_by_email": number.created_by_email,
        "created_at": number.created_at,
        "updated_at": number.updated_at,
    }


def job_row(job: ListingJob) -> Row:
    """What is printed of a listing job."""
    return {
        "id": job.id,
        "client_account_id": job.account_id,
        "feature_set_id": job.feature_set_id,
        "kind": job.kind,
        "state": job.state,
        "number_count": job.number_count,
        "done_count": job.done_count,
        "failed_count": job.failed_count,
        "requested_by_email": job.requested_by_email,
        "requested_at": job.requested_at,
        "reviewed_by_email": job.reviewed_by_email,
        "reviewed_at": job.reviewed_at,
        "why": job.why,
        "ended_at": job.ended_at,
    }
