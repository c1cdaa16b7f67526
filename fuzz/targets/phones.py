"""Phone numbers as people, sheets and SIP write them."""

import contextlib

from callmark.domain.numbers.number_list_parser import asked_number, read_number
from callmark.kit.errors import InvalidInput
from callmark.kit.phone import parse_digits, parse_e164, parse_loose
from callmark.passport import canonical_number
from callmark.tables.phones import NoNumber, read_phone, read_phones


def fuzz_phones(data: bytes) -> None:
    """No exception; a number that was read is read again as itself."""
    text = data[:300].decode(errors="replace")
    for region in ("", "IN", "US"):
        found = read_phone(text, region)
        if not isinstance(found, NoNumber):
            assert found.isdigit()
            assert found.isascii()
            assert read_phone(f"+{found}", region) == found
            assert parse_e164(f"+{found}") == parse_loose(f"+{found}") == parse_digits(found)
        every = read_phones(text, region)
        assert isinstance(every, NoNumber) or all(map(str.isdigit, every))
        read_number(text, region)
        with contextlib.suppress(InvalidInput):
            asked_number(text, region)
    with contextlib.suppress(ValueError):
        assert canonical_number(canonical_number(text)) == canonical_number(text)
