"""How a plan is shown: each thing that changes with its fields, what stays, what cannot be, and the counts."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import click
import msgspec
from msgspec import UNSET

from callmark.client.account_file.plans import AccountChange, AccountPlan, FieldDifference
from callmark.terminal import is_obeyed

SIGNS = {"create": "+", "change": "~", "delete": "-"}
_COLOURS = {"create": "green", "change": "yellow", "delete": "red"}
_MOST_SHOWN = 20


def plan_lines(plan: AccountPlan) -> Iterator[str]:
    """The plan, line by line."""
    for change in plan.changes:
        yield click.style(f"{SIGNS[change.action]} {change.what} {_safe(change.name)}", fg=_COLOURS[change.action])
        if change.warning:
            yield f"    {change.warning}"
        for field in change.fields:
            yield from _field_lines(change, field)
    if plan.kept:
        yield "Not in the file, and kept (--prune deletes it):"
        yield from (f"    {what} {_safe(name)}" for what, name in _first(plan.kept))
        if len(plan.kept) > _MOST_SHOWN:
            yield f"    and {len(plan.kept) - _MOST_SHOWN:,} more; --json has all"
    for note in plan.notes[:_MOST_SHOWN]:
        yield f"Note: {_safe(note)}"
    for fault in plan.faults:
        yield click.style(f"! {_safe(fault)}", fg="red")
    yield counts(plan)


def counts(plan: AccountPlan) -> str:
    """One line that says how much changes."""
    if plan.faults:
        return f"The account cannot become what the file says: {_many(len(plan.faults), 'fault')}. Nothing is changed."
    if not plan.changes:
        return "The account is as the file says."
    made, changed, gone = (plan.count(action) for action in SIGNS)
    return f"Plan: {made:,} to create, {changed:,} to change, {gone:,} to delete."


def plan_item(plan: AccountPlan) -> dict[str, Any]:
    """The plan for a program."""
    return {
        "changes": [_change_item(one) for one in plan.changes],
        "kept": [{"what": what, "name": name} for what, name in plan.kept],
        "notes": plan.notes,
        "faults": plan.faults,
        "to_create": plan.count("create"),
        "to_change": plan.count("change"),
        "to_delete": plan.count("delete"),
    }


def _change_item(change: AccountChange) -> dict[str, Any]:
    fields: dict[str, dict[str, Any]] = {}
    for one in change.fields:
        told = fields.setdefault(one.name, {})
        if one.name == "numbers":  # a field of two halves: what comes and what goes
            told.update({name: value for name, value in (("removed", one.before), ("added", one.after)) if value})
        else:
            told.update(before=_open(one.name, one.before), after=_open(one.name, one.after))
    return {
        "action": change.action,
        "what": change.what,
        "name": change.name,
        "fields": fields,
        "warning": change.warning,
    }


def _field_lines(change: AccountChange, field: FieldDifference) -> Iterator[str]:
    if field.name == "numbers":
        for sign, numbers in (("+", field.after), ("-", field.before)):
            if numbers:
                rest = f" and {len(numbers) - _MOST_SHOWN:,} more" if len(numbers) > _MOST_SHOWN else ""
                yield f"    numbers: {sign}{len(numbers):,} ({', '.join(numbers[:_MOST_SHOWN])}{rest})"
        return
    after = _text(_open(field.name, field.after))
    if change.action == "create" or field.before is UNSET:
        yield f"    {field.name}: {after}"
    else:
        yield f"    {field.name}: {_text(_open(field.name, field.before))} → {after}"


def _open(name: str, value: object) -> object:
    """A value without what may be a secret in it."""
    if value is UNSET:
        return None
    built = msgspec.to_builtins(value)
    return without_secrets(built) if name == "url" and isinstance(built, str) else built


def without_secrets(url: str) -> str:
    """An address without password and the values of its query, which receivers use as keys."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        netloc = f"***@{host}" if "@" in parts.netloc else host
        query = "&".join(f"{one.partition('=')[0]}=***" for one in parts.query.split("&")) if parts.query else ""
        return urlunsplit(parts._replace(netloc=netloc, query=query))
    except ValueError:
        return "***"


def _text(value: object) -> str:
    """A value as JSON, whose quotes show where it begins and ends and whose escapes cannot move the cursor."""
    return _safe(msgspec.json.encode(value).decode())


def _safe(text: str) -> str:
    """Without characters that a terminal obeys."""
    return "".join(f"\\u{ord(one):04x}" if is_obeyed(one) else one for one in text)


def _first(items: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return items[:_MOST_SHOWN]


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
