"""Which column of a file is which field of a record. Pure.

Columns are known by their names: those of the wire (v2), and others that people use. What is found is shown, and may be
changed. `name` is none of the console's names: in people's files it is the customer's, and must not become the verified
name on a phone.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct

from callmark.record_rules.fields import Field
from callmark.tables.columns import by_key, key, match, names_phone, nearest, says_phone
from callmark.tables.formulas import unguarded
from callmark.tables.model import Line, Table, TableError
from callmark.tables.numbers import dial_code_column, not_under, number_columns, with_numbers
from callmark.tables.phones import read_phone
from callmark.tables.sheet_errors import marked

_RECEIVERS = (
    "receiver_number",
    "receiver",
    "recipient",
    "recipient_number",
    "customer_phone",
    "customer_mobile",
)
"""Names that say whose number it is: the first that a file has is the receiver's."""
_PHONES = (
    "phone",
    "phone_number",
    "phone_no",
    "mobile",
    "mobile_number",
    "mobile_no",
    "mobile_phone",
    "msisdn",
    "contact_no",
    "contact_number",
    "contact_phone",
    "telephone",
    "telephone_number",
    "telefon",
    "tel",
    "cell",
    "cell_phone",
)
_WEAK = ("to", "customer_number", "number")
"""Names that mean a phone number where no other column says it better: they may be of ids (`Customer Number`)."""
COLUMNS: Mapping[Field, tuple[str, ...]] = {
    Field.CALLER: ("caller_number", "caller", "business_number", "caller_id", "did", "calling_number", "from"),
    Field.RECEIVER: (*_RECEIVERS, *_PHONES, *_WEAK),
    Field.LABEL_ID: ("label_id", "label"),
    Field.LABEL_NAME: ("dynamic_label_name", "label_name", "display_name", "name_shown"),
    Field.CALL_REASON: ("dynamic_call_reason", "call_reason", "reason", "reason_for_call"),
    Field.STARTS_AT: ("starts_at", "start", "start_time", "valid_from"),
    Field.ENDS_AT: ("ends_at", "end", "end_time", "valid_until", "valid_to", "expires_at"),
}
"""The names of a field's column, the wire's own first; case, spaces and signs do not matter."""

NOWHERE = -1
_MOST_GUESSED = 200
"""As many names are compared with the known ones: each takes half a millisecond."""
_Role = TypeVar("_Role", bound=str)
Synonyms = Mapping[_Role, tuple[str, ...]]
"""The names by which the column of each field is known."""


class UnusedColumn(Struct, frozen=True):
    """A column that no field takes; `meant` is the known name that it is probably meant to be, or empty.

    It is empty for a known name too: then another column could have the same field.
    """

    column: int
    name: str
    meant: str

    @property
    def hint(self) -> str:
        """The guess, for the end of a sentence."""
        return f": do you mean {self.meant}?" if self.meant else ""


def known_names(synonyms: Synonyms[_Role]) -> frozenset[str]:
    """All names for comparison (`tables.columns.key`)."""
    return frozenset(key(name) for names in synonyms.values() for name in names)


def by_names(
    table: Table, synonyms: Synonyms[_Role], receiver: _Role, region: str = "", chosen: Collection[int] = ()
) -> dict[_Role, int]:
    """Where each field is, by the columns' names; `NOWHERE` if it is not. The receivers are in no `chosen` column.

    A name that is there twice means nothing until someone chooses, and neither do two columns that could both have the
    receivers. Without a header a single column of numbers has them.
    """
    named = match(table.names or (), {str(role): names for role, names in synonyms.items() if role != receiver})
    found = {role: places[0] if len(places := named.get(str(role), [])) == 1 else NOWHERE for role in synonyms}
    if table.names is None:
        found[receiver] = _only_numbers(table, region)
    else:
        taken = {*found.values(), *chosen}
        others = known_names({role: names for role, names in synonyms.items() if role != receiver})
        free = {at: name for at, name in enumerate(table.names) if at not in taken and key(name) not in others}
        found[receiver] = _receivers(table, free, region)
    return found


def _only_numbers(table: Table, region: str) -> int:
    try:
        places = number_columns(table, region)
    except TableError:
        return NOWHERE
    return places[0] if len(places) == 1 else NOWHERE


def _receivers(table: Table, free: Mapping[int, str], region: str) -> int:
    """The column of the receivers among the free ones: the one whose name says it best.

    Of several that say it equally well, the one that has numbers; if that leaves several, none.
    """
    if named := match(list(free.values()), {"": _RECEIVERS}):
        places = [list(free)[at] for at in named[""]]
        return places[0] if len(places) == 1 else NOWHERE
    weak = known_names({"": _WEAK})
    places = [at for at, name in free.items() if names_phone(name)]
    places = places or [at for at, name in free.items() if says_phone(name) or key(name) in weak]
    if len(places) > 1:
        places = with_numbers(table, places, region)
    return places[0] if len(places) == 1 else NOWHERE


def unused_columns(table: Table, columns: Mapping[_Role, int], synonyms: Synonyms[_Role]) -> list[UnusedColumn]:
    """Columns that hold something and that no field takes; what is meant is guessed for the first of very many."""
    free = by_key(name for role in synonyms if columns[role] == NOWHERE for name in synonyms[role])
    unused = sorted(table.filled_columns().difference(columns.values()))
    guessed = set(unused[:_MOST_GUESSED]) if table.names else set[int]()
    return [
        UnusedColumn(at, name, nearest(name, free) if at in guessed and key(name) not in free else "")
        for at, name in ((at, table.name(at)) for at in unused)
    ]


class RowReader(Struct, frozen=True):
    """Takes the values of the fields out of a row, in the order of `places`."""

    places: Sequence[int]
    receiver: int
    """Which of `places` is the receiver's."""
    dial_code: int | None
    """The column with country codes of its own, if there is one."""
    region: str
    longest_cell: int

    @classmethod
    def of(cls, table: Table, places: Iterable[int], receiver: int, region: str, longest_cell: int) -> "RowReader":
        """The reader of a table's rows."""
        return cls(tuple(places), receiver, dial_code_column(table), region, longest_cell)

    def values(self, line: Line) -> list[str]:
        """The values; empty where the row has none."""
        cells, longest = line.cells, self.longest_cell
        return [marked(unguarded(cells[at][:longest])) if 0 <= at < len(cells) else "" for at in self.places]

    def fault(self, line: Line, values: Sequence[str]) -> str:
        """Why the row cannot be read: its country code is in a column of its own and not before the number."""
        if self.dial_code is None:
            return ""
        written = values[self.receiver]
        number = read_phone(written, self.region)
        if not isinstance(number, str):
            return ""
        return not_under(line, self.dial_code, number, "" if self.region else written)
