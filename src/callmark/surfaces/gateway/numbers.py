"""Numbers as handsets give them: with their country code, or as they are written in the handset's country."""

from collections.abc import Container

from callmark.kit.errors import InvalidInput
from callmark.kit.phone import PhoneNumber, parse_digits, parse_loose
from callmark.tables.phones import NoNumber, read_phone


def number_of(text: str, field: str, region: str | None = None) -> PhoneNumber:
    """The number in `text`. Raises InvalidInput that names `field`, or `region` for one that no country has.

    With a region, a number without `+` is read as people dial it there: `099000 00001` in `IN` is 919900000001. One
    with `+` needs none: what a list would refuse in it, such as a form that its plan had once, is taken as it is.
    An empty region is of a handset that does not know its country, so that a number without `+` may be of any.
    """
    if region is None:
        number = parse_loose(text)
    elif text.startswith("+"):
        read = read_phone(text, region.upper() if _is_known(region) else "")
        number = parse_loose(text if isinstance(read, NoNumber) else read)
    elif _is_known(region):
        number = _national(text, region.upper())
    elif not region:
        raise InvalidInput(f"{field} must begin with + and its country code, because region is empty", field=field)
    else:
        raise InvalidInput("region is not a country with two letters, such as IN", field="region")
    if number is None:
        raise InvalidInput(f"{field} is not a valid phone number", field=field)
    return number


def _is_known(region: str) -> bool:
    import phonenumbers

    known: Container[str] = phonenumbers.SUPPORTED_REGIONS
    return region.upper() in known


def _national(text: str, region: str) -> PhoneNumber | None:
    read = read_phone(text, region)
    if isinstance(read, NoNumber):
        return None if read.either else _dialled(text.replace(" ", "").replace("-", ""), region)
    return parse_digits(read)


def _dialled(digits: str, region: str) -> PhoneNumber | None:
    """What the plan reads in digits of which some are dialled and no part of the number, so that lists refuse them.

    A carrier's code stands before it (0 15 in Brazil), or 15 within it (mobiles of Argentina). It must be a valid
    number of the region to which nothing is added: fewer digits may be a short code.
    """
    import phonenumbers

    if not (digits.isascii() and digits.isdigit()) or digits.startswith("00"):
        return None
    try:
        found = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    national: str = phonenumbers.national_significant_number(found)
    is_own = found.country_code == phonenumbers.country_code_for_region(region) and len(national) <= len(digits)
    if not is_own or not phonenumbers.is_valid_number(found):
        return None
    return parse_digits(f"{found.country_code}{national}")
