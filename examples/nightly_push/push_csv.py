"""Pushes a CSV file; made for cron.

python push_csv.py deliveries.csv --caller 918040001234 --label-id …

Columns: receiver, reason, starts_at, ends_at (ISO 8601 with time zone). The result of each row goes to
`deliveries.results.csv`. Exit status: 0 all succeeded, 1 some rows failed, 2 not such a file, 3 not everything
was pushed: run it again.

Running it again with the same file is safe. Each batch has an idempotency key made from the file, so within 24 hours
the server answers as it did before and pushes only what is missing.
"""

import argparse
import csv
import hashlib
import io
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import callmark

AT_ONCE = 500
"""The most that a batch may have."""
SETTLES_WITHIN_S = 600
SOME_FAILED, WRONG_FILE, RUN_AGAIN = 1, 2, 3
COLUMNS = ("receiver", "reason", "starts_at", "ends_at")

Outcome = tuple[int, str, str, str]
"""Line of the file, receiver, status, message."""


class NoSuchColumns(Exception):
    """The file lacks columns."""


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description="Push a CSV file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--caller", required=True)
    parser.add_argument("--label-id", required=True)
    args = parser.parse_args()
    tokens = callmark.FileTokenStore(args.file.with_name("callmark-tokens.json"))
    try:
        with callmark.Client(token_store=tokens) as client:
            outcomes = sorted(push_file(client, args.file, args.caller, args.label_id))
    except callmark.CallmarkError as error:
        print(f"{args.file}: {error}", file=sys.stderr)
        return RUN_AGAIN
    except NoSuchColumns as error:
        print(f"{args.file}: these columns are missing: {error}", file=sys.stderr)
        return WRONG_FILE
    except UnicodeDecodeError:
        print(f"{args.file}: this is not UTF-8; save it as CSV UTF-8", file=sys.stderr)
        return WRONG_FILE
    except OSError as error:
        print(f"{args.file}: {error.strerror}", file=sys.stderr)
        return WRONG_FILE
    write_results(args.file.with_suffix(".results.csv"), outcomes)
    failed = sum(status != "success" for _, _, status, _ in outcomes)
    print(f"{args.file}: {len(outcomes)} rows, {failed} failed")
    return SOME_FAILED if failed else 0


def push_file(client: callmark.Client, path: Path, caller: str, label_id: str) -> Iterator[Outcome]:
    """Pushes the rows that can be read, in batches; what became of every row, not in order."""
    content = path.read_bytes()
    file_key = hashlib.sha256(f"{caller} {label_id} ".encode() + content).hexdigest()
    rows: list[tuple[int, callmark.CallRecord]] = []
    reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), restval="")
    if missing := set(COLUMNS) - set(reader.fieldnames or ()):
        raise NoSuchColumns(", ".join(sorted(missing)))
    for row in reader:
        try:
            rows.append((reader.line_num, read_record(row, caller, label_id)))
        except ValueError as error:
            yield reader.line_num, row["receiver"], "invalid", str(error)
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        batch = client.batches.create([record for _, record in some], idempotency_key=f"{file_key}-{start}")
        batch.wait(timeout=SETTLES_WITHIN_S)
        for (line, record), result in zip(some, batch.records, strict=True):
            yield line, record.receiver, result.status, result.message


def read_record(row: dict[str, str], caller: str, label_id: str) -> callmark.CallRecord:
    """The record of a row. Raises ValueError; what only the server can judge becomes the row's result."""
    if not row["receiver"]:
        raise ValueError("receiver is empty")
    return callmark.CallRecord(
        caller=caller,
        receiver=row["receiver"],
        label_id=label_id,
        reason=row["reason"] or None,
        starts_at=read_instant(row["starts_at"]),
        ends_at=read_instant(row["ends_at"]),
    )


def read_instant(text: str) -> datetime:
    """An instant with its time zone. Raises ValueError."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} has no time zone, as in 2026-01-31T09:00+05:30")
    return instant


def write_results(path: Path, outcomes: list[Outcome]) -> None:
    """Writes the results beside the file; whoever reads them sees all of them or the ones before."""
    part = path.with_suffix(".part")
    with part.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "receiver", "status", "message"])
        writer.writerows(outcomes)
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
