"""Events that have come and that nobody has handled yet, in a SQLite file; both small receivers keep theirs here.

python inbox.py    # handles what waits; start it from a timer, or as often as you like

The receiver only stores the event. What takes time (a CRM, an email, a queue) happens here, so that the answer is quick
and nothing is lost if the CRM is down.
"""

import json
import logging
import os
import sqlite3
import sys
from contextlib import closing

import callmark

log = logging.getLogger(__name__)
FILE = os.environ.get("INBOX_FILE", "inbox.sqlite3")
_TABLE = """CREATE TABLE IF NOT EXISTS event
    (event_id TEXT PRIMARY KEY, summary TEXT NOT NULL, body TEXT NOT NULL, handled INTEGER NOT NULL DEFAULT 0)"""


def keep(event: callmark.Event) -> bool:
    """Stores the event; False if it is there already. On disk when this returns, so a 2xx may follow."""
    with closing(_opened()) as db, db:
        row = event.event_id, summary_of(event), json.dumps(event.raw)
        statement = "INSERT INTO event (event_id, summary, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        return db.execute(statement, row).rowcount == 1


def handle_waiting() -> int:
    """Handles each stored event; how many failed. These are tried again on the next run, and hold up no other."""
    failed = 0
    with closing(_opened()) as db:
        waiting = "SELECT event_id, summary FROM event WHERE NOT handled ORDER BY rowid"
        for event_id, summary in db.execute(waiting).fetchall():
            try:
                print(summary)  # your CRM; if it can, pass event_id on: after a crash here the event is handled again
                with db:
                    db.execute("UPDATE event SET handled = 1 WHERE event_id = ?", (event_id,))
            except Exception:
                failed += 1
                log.exception("event %s was not handled", event_id)
    return failed


def summary_of(event: callmark.Event) -> str:
    """What somebody should do about the event."""
    match event:
        case callmark.CallMeBackEvent(is_interested=False):
            return f"do not call {event.callable_number} back"
        case callmark.CallMeBackEvent(slot=callmark.Slot(start=start, end=end)):
            return f"call {event.callable_number} back between {start:%d %b %H:%M} and {end:%H:%M} UTC"
        case callmark.CallMeBackEvent():
            return f"call {event.callable_number} back"
        case callmark.FeedbackEvent():
            answers = "; ".join(f"{one.question} {one.answer}" for one in event.responses)
            return f"{event.client_number} answered: {answers}"
        case callmark.PossibleSpoofEvent():
            return f"a call from {event.business_number} to {event.client_number} may be forged: {event.cause}"
        case _:
            return f"{event.event_type}: this version does not know it, all of it is in `body`"


def _opened() -> sqlite3.Connection:
    db = sqlite3.connect(FILE)
    db.execute(_TABLE)
    return db


if __name__ == "__main__":
    sys.exit(1 if handle_waiting() else 0)
