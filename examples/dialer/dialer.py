"""A dialer that says who calls, and why, before the phone rings.

python dialer.py calls.csv --caller 918040001234 --label-id … [--lines 4] [--patience 3]

A push takes some milliseconds. If it fails, or takes longer than `--patience`, the call is made all the same: the phone
then shows the bare number, or your listed one.
"""

import argparse
import csv
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx

import callmark

SHOWS_FOR = timedelta(minutes=10)
"""From now until the phone has surely rung."""

Dial = Callable[[str, str], str]
"""Makes a call from one number to another and says how it went."""


@dataclass(frozen=True)
class Dialer:
    """Calls a list of people from one number. Threads share the client, and with it connections and the token."""

    client: callmark.Client
    dial: Dial
    caller: str
    label_id: str
    patience_s: float
    pushes: ThreadPoolExecutor
    """Pushes have threads of their own, so that a call need not wait for the end of one."""

    def call_all(self, calls: Iterable[tuple[str, str]], lines: int) -> Iterator[str]:
        """Calls each (receiver, reason), `lines` at a time; a line for each, in order."""
        with ThreadPoolExecutor(lines) as pool:
            yield from pool.map(self.call, *zip(*calls, strict=True))

    def call(self, receiver: str, reason: str) -> str:
        """Pushes, then dials, whatever became of the push."""
        push = self.pushes.submit(self._push, receiver, reason)
        try:
            pushed = push.result(self.patience_s)
        except TimeoutError:
            pushed = "not pushed in time"
        return f"{receiver}: {pushed}; {self.dial(self.caller, receiver)}"

    def _push(self, receiver: str, reason: str) -> str:
        try:
            result = self.client.push(
                caller=self.caller, receiver=receiver, label_id=self.label_id, reason=reason, expires_in=SHOWS_FOR
            )
        except callmark.CallmarkError as error:
            return f"not pushed ({error})"
        return "pushed" if result.status == "success" else f"not pushed ({result.message})"


def on_emulator(base_url: str) -> Dial:
    """Rings the emulator's handsets and says what shows. In production, your telephone system makes the call here."""
    http = httpx.Client(base_url=base_url, timeout=10)

    def dial(caller: str, receiver: str) -> str:
        call = {"caller": caller, "receiver": receiver, "outcome": "answered"}
        answer = http.post("/emulator/v1/calls", json=call)
        if answer.is_error:
            return f"not reached ({answer.json()['message']})"
        shown = answer.json()
        return f"shows {shown['name']} - {shown['call_reason']}" if shown["name"] else "shows the bare number"

    return dial


def main() -> None:
    """Reads receivers and reasons from a CSV file and calls them."""
    parser = argparse.ArgumentParser(description="Push, then dial.")
    parser.add_argument("calls", type=Path, help="CSV with the columns receiver and reason")
    parser.add_argument("--caller", required=True)
    parser.add_argument("--label-id", required=True)
    parser.add_argument("--lines", type=int, default=4, help="calls at the same time")
    parser.add_argument("--patience", type=float, default=3, help="seconds that a call may wait for its push")
    args = parser.parse_args()
    with args.calls.open(newline="", encoding="utf-8-sig") as file:
        calls = [(row["receiver"], row["reason"]) for row in csv.DictReader(file)]
    dial = on_emulator(os.environ["CALLMARK_BASE_URL"])
    with callmark.Client(timeout=10, max_retries=0) as client, ThreadPoolExecutor(args.lines) as pushes:
        dialer = Dialer(client, dial, args.caller, args.label_id, args.patience, pushes)
        for line in dialer.call_all(calls, args.lines):
            print(line)


if __name__ == "__main__":
    main()
