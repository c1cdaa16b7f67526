"""What columns mean, by their names: in any case, spelling of spaces, and with or without accents."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from itertools import accumulate

from callmark.tables.model import Line

_HEADER_WITHIN = 20
"""A header is looked for in this many first rows: above it are titles."""
_MOST_CELLS = 100_000
"""As many cells decide how a table is read. To see whether one is a number takes ten microseconds."""
_DIGITS_OF_A_NUMBER = 5
_DIGITS_OF_A_VALUE = 7
"""A cell with this many digits is a value, whatever words are beside them (`Mobile: 98400 12345 (Asha)`)."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ASCII_WORD = re.compile("[a-z0-9]+")
_IN_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_ALIKE = 0.75
_LONGEST_NAME = 200
"""Characters of a name that count. What looks at names takes longer than in proportion, and keeps them."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _keys(text: str) -> frozenset[str]:
    return frozenset(key(name) for name in text.split(","))


def key(name: str) -> str:
    """A name for comparison: `Phone-No.`, `phoneNo` and `PHONE NO` are the same."""
    return _key(name[:_LONGEST_NAME])


@lru_cache(maxsize=4096)
def _key(name: str) -> str:
    return "".join(words(name))


def words(name: str) -> tuple[str, ...]:
    """The words of a name in any script, in lower case and without accents."""
    return _words_of(name[:_LONGEST_NAME])


@lru_cache(maxsize=4096)
def _words_of(name: str) -> tuple[str, ...]:
    plain = name if name.isascii() else _without_accents(name)
    plain = _CAMEL.sub(" ", plain).casefold().replace("#", " no ")
    if plain.isascii():
        return tuple(_ASCII_WORD.findall(plain))  # the same in a fifth of the time: files are wide
    return tuple("".join(one if unicodedata.category(one)[0] in "LMN" else " " for one in plain).split())


def _without_accents(name: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKD", name) if not unicodedata.combining(one))


PHONE_NAMES = _keys("""
    phone, phone no, phone number, phone numbers, phone num, phone nos, phones, ph, ph no, ph
    number, mobile, mobile no, mobile number, mobile numbers, mobile phone, mob, mob no, mob number,
    cell, cell no, cell number, cellphone, cellphone no, telephone, telephone no, telephone number,
    telephone numbers, tel, tel no, tel number, did, did no, did number, dids, ddi, msisdn, msisdns,
    caller id, caller id number, caller number, calling number, cli, clid, clip, ani, outbound cli,
    landline, landline no, landline number, contact no, contact nos, contact number, contact
    numbers, contact phone, contact tel, customer contact number, whatsapp, whatsapp number,
    whatsapp no, handset, handset number, gsm, receiver, receiver number, receiver no, recipient,
    recipient number, direct line, hotline, helpline, helpline no, helpline number, phone line,
    support line, toll free, toll free number, business number, e164, tn, tns, Telefon,
    Telefonnummer, Telefonnummern, Telefon Nr, Tel Nr, Rufnummer, Rufnummern, Handy, Handynummer,
    Handy Nr, Mobil, Mobilnummer, Mobiltelefon, Mobil Nr, Telefonnumer, numer telefonu, nr telefonu,
    Telefonszám, telefonní číslo, telefon numaras\u0131, cep telefonu, puhelin, puhelinnumero,
    matkapuhelin, telefoonnummer, telefoon, mobiel, mobiel nummer, número de telefone, teléfono,
    número de teléfono, telefone, telefono, numero di telefono, cellulare, celular, número de
    celular, móvil, telemóvel, téléphone, numéro de téléphone, n de téléphone, n téléphone, mobilnr,
    portable, numéro de portable, nomor telepon, no telp, nomor hp, no hp, số điện thoại, телефон,
    номер телефона, мобильный, мобильный телефон, номер телефону, τηλέφωνο, κινητό, טלפון, هاتف, رقم
    الهاتف, جوال, رقم الجوال, फ़ोन, फोन, फ़ोन नंबर, फोन नंबर, मोबाइल, मोबाइल नंबर, ফোন, ফোন নম্বর,
    தொலைபேசி, โทรศัพท์, เบอร์โทรศัพท์, 电话, 电话号码, 手机, 手机号, 手机号码, 電話, 電話番号, 携帯電話, 携帯番号,
    전화, 전화번호, 휴대폰, 휴대전화, 휴대폰번호
""")
"""Names that say phone number and nothing else, as `key` has them."""
WEAK_PHONE_NAMES = _keys("""
    number, numbers, no, num, nos, contact, contacts, caller, from, to, line, lines, Nummer, Nummern, numéro, numero,
    número, номер, 番号, 号码, 번호, नंबर
""")
"""Names that may mean a phone number, where no other column says it better."""
_PHONE_WORDS = _words("phone phones telephone tel mobile msisdn cellphone landline did")
_NUMBER_WORDS = _words("number numbers")
_OTHER_WORDS = _words("""
    id ids code codes type model brand bill country ext extension verified status amount price date name
    consent valid carrier operator os opt
""")
"""Words that make a column another one, whatever else its name says (`Phone type`, `Mobile ID`)."""
_OF_OTHERS = _words("""
    account order customer invoice zip pin postal ref reference qty serial employee staff policy loan card ticket case
    row sr sl
""")
"""Words that make a number another one (`Order Number`), and leave a phone a phone (`Customer Phone`)."""
_DIAL_CODE_NAMES = _keys("""
    country code, countrycode, cc, dial code, dialling code, dialing code, calling code, country calling code, isd,
    isd code, phone country code, mobile country code, phone code, indicatif, Ländervorwahl, código de país
""")


def says_phone(name: str) -> bool:
    """Whether a name says phone number, alone or among other words (`Support phone (24 h)`)."""
    found = set(words(_IN_BRACKETS.sub(" ", name[:_LONGEST_NAME])))
    return names_phone(name) or bool(found & _NUMBER_WORDS and not found & (_OTHER_WORDS | _OF_OTHERS))


def names_phone(name: str) -> bool:
    """Whether a name says phone number by a word for phones, and not only by `number` (`Flight Number`)."""
    found = set(words(_IN_BRACKETS.sub(" ", name[:_LONGEST_NAME])))
    return key(name) in PHONE_NAMES or bool(found & _PHONE_WORDS and not found & _OTHER_WORDS)


def says_other(name: str) -> bool:
    """Whether a name says that its column holds something else than phone numbers (`Customer ID`)."""
    return not says_phone(name) and bool(set(words(name)) & (_OTHER_WORDS | _OF_OTHERS))


def says_dial_code(name: str) -> bool:
    """Whether a name says that its column holds the country codes of the numbers in another one."""
    return key(name) in _DIAL_CODE_NAMES


def first_lines(lines: Sequence[Line], most: int) -> Sequence[Line]:
    """The first `most` lines, which decide how a table is read; fewer where they are wide, and at least one."""
    cells = accumulate(len(line.cells) for line in lines[:most])
    return lines[: max(1, sum(count <= _MOST_CELLS for count in cells))]


def find_header(lines: Sequence[Line], known: Callable[[str], int], is_value: Callable[[str], bool]) -> int:
    """Where the header is among the first lines; -1 when there is none.

    It is the row with the names that are best known: `known` says how well, 0 for not at all, 1 for words that could
    also be part of a title. Without one it is the row above the first that has a value, where it has as many cells as
    that and no digits of a number.
    """
    first = first_lines(lines, _HEADER_WITHIN)
    widest = max((_cell_count(line) for line in first), default=0)
    scores = [
        0
        if any(_has_digits(cell, _DIGITS_OF_A_VALUE) or is_value(cell) for cell in line.cells)
        else sum(map(known, line.cells))
        for line in first
    ]
    scores = [
        score if score > 1 or _cell_count(line) > min(widest, 2) - 1 else 0
        for score, line in zip(scores, first, strict=True)
    ]
    if any(scores):
        return scores.index(max(scores))
    start = next((at for at, line in enumerate(first) if any(map(is_value, line.cells))), len(first))
    if not 0 < start < len(lines):
        return -1
    above, below = first[start - 1], lines[start]
    is_text = not any(_has_digits(cell, _DIGITS_OF_A_NUMBER) for cell in above.cells)
    has_letters = any(character.isalpha() for cell in above.cells for character in cell)
    return start - 1 if is_text and has_letters and _cell_count(above) == _cell_count(below) else -1


def _has_digits(cell: str, count: int) -> bool:
    return sum(map(str.isdigit, cell)) >= count


def _cell_count(line: Line) -> int:
    """How many cells of a line have something in them."""
    return sum(map(bool, line.cells))


def skip_titles(lines: Sequence[Line], is_value: Callable[[str], bool]) -> int:
    """How many first lines are titles: one cell of words above rows that have values. For a list without a header."""
    first = first_lines(lines, _HEADER_WITHIN)
    start = next((at for at, line in enumerate(first) if any(map(is_value, line.cells))), 0)
    if all(_is_title(line) for line in lines[:start]):
        return start
    return 0


def _is_title(line: Line) -> bool:
    text = "".join(line.cells)
    return sum(map(str.isdigit, text)) < _DIGITS_OF_A_NUMBER and any(map(str.isalpha, text)) and len(line.cells) >= 1


def place_of(text: str, width: int) -> int | None:
    """The number, of any length, as one below `width`; None for what is none."""
    digits = text.lstrip("0") or text[-1:]
    if not (digits.isascii() and digits.isdigit()) or len(digits) > len(str(width)):
        return None
    return number if (number := int(digits)) < width else None


def match(names: Sequence[str], synonyms: Mapping[str, Iterable[str]]) -> dict[str, list[int]]:
    """The columns that each role's first present synonym names; several when it is there more than once."""
    keys = [key(name) for name in names]
    found: dict[str, list[int]] = {}
    for role, known in synonyms.items():
        for synonym in known:
            places = [at for at, one in enumerate(keys) if one == key(synonym)]
            if places:
                found[role] = places
                break
    return found


def by_key(names: Iterable[str]) -> dict[str, str]:
    """Names by what they are compared by."""
    return {key(name): name for name in names}


def nearest(name: str, known: Mapping[str, str]) -> str:
    """The known name (`by_key`) that `name` is probably meant to be; empty when none is near."""
    close = get_close_matches(key(name), known, n=1, cutoff=_ALIKE)
    return known[close[0]] if close else ""
