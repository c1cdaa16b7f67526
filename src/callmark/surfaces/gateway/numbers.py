"""Numbers as handsets give them: with their country code, or as they are written in the handset's country."""

from collections.abc import Container

from callmark.kit.errors import InvalidInput
from callmark.kit.phone import PhoneNumber, parse_digits, parse_loose
from callmark.tables.phones import NoNumber, read_phone


def number_of(text: str, field: str, region: str | None = None) -> PhoneNumber:
    """The number in `text`. Raises InvalidInput that names `field`, or `region` for one that no country has.

    With a region, a number without `+` is read as people dial it there: `099000 00001` in `IN` is 919900000001.
    """
    number = parse_loose(text) if region is None else _national(text, region)
    if number is None:
        raise InvalidInput(f"{field} is not a valid phone number", field=field)
    return number


def _national(text: str, region: str) -> PhoneNumber | None:
    import phonenumbers

    known: Container[str] = phonenumbers.SUPPORTED_REGIONS
    if region.upper() not in known:
        raise InvalidInput("region is not a country with two letters, such as IN", field="region")
    read = read_phone(text, region.upper())
    return None if isinstance(read, NoNumber) else parse_digits(read)
