"""What columns mean, by their names: in any case, spelling of spaces, and with or without accents."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache

from callmark.tables.model import Line

_HEADER_WITHIN = 20
"""A header is looked for in so many first rows: above it are titles."""
_DIGITS_OF_A_NUMBER = 5
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_A_WORD = re.compile(r"[^a-z0-9]+")
_ALIKE = 0.75


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


PHONE_NAMES = _names("""
    phone phoneno phonenumber phonenumbers phonenum phonenos phones mobile mobileno mobilenumber mobilenumbers
    mobilephone mob mobno cell cellno cellnumber cellphone cellphoneno telephone telephoneno telephonenumber
    telephonenumbers tel telno telnumber did didnumber didno dids msisdn callerid callernumber callingnumber
    landline landlineno landlinenumber contactno contactnumber contactphone contacttel whatsapp whatsappnumber
    whatsappno handset handsetnumber gsm receiver receivernumber receiverno recipient recipientnumber directline
    hotline phoneline tollfree tollfreenumber businessnumber cli telefon telefono telefone telefonnummer
    rufnummer handynummer celular movil numerodetelephone e164
""")
"""Names that say phone number and nothing else, as `key` has them."""
WEAK_PHONE_NAMES = _names("""
    number numbers no num nos contact contacts caller from to line lines
""")
"""Names that may mean a phone number, where no other column says it better."""
_PHONE_WORDS = _names("""
    phone phones telephone tel mobile msisdn cellphone landline did number numbers
""")
_OTHER_WORDS = _names("""
    id ids code type model brand name bill country ext extension verified status account order customer invoice
    zip pin postal amount price date ref reference qty serial employee staff policy loan card ticket case row sr
    sl
""")


@lru_cache(maxsize=4096)
def key(name: str) -> str:
    """A name for comparison: `Phone-No.`, `phoneNo` and `PHONE NO` are the same."""
    return "".join(words(name))


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case and without accents."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", name) if not unicodedata.combining(one))
    plain = _CAMEL.sub(" ", plain).casefold().replace("#", " no ")
    return tuple(word for word in _NOT_A_WORD.split(plain) if word)


def says_phone(name: str) -> bool:
    """Whether a name says phone number, by itself or among other words (`Support phone (24 h)`)."""
    found = set(words(name))
    return key(name) in PHONE_NAMES or (bool(found & _PHONE_WORDS) and not found & _OTHER_WORDS)


def says_other(name: str) -> bool:
    """Whether a name says that its column holds something else than phone numbers (`Customer ID`)."""
    return key(name) not in PHONE_NAMES and bool(set(words(name)) & _OTHER_WORDS)


def find_header(lines: Sequence[Line], known: Callable[[str], int], is_value: Callable[[str], bool]) -> int:
    """Where the header is among the first lines; -1 when there is none.

    It is the row with the names that are best known: `known` says how well, 0 for not at all, 1 for words that could
    also stand in a title. Without one it is the row above the first that has a value, where it has as many cells as
    that and no digits of a number.
    """
    first = lines[:_HEADER_WITHIN]
    widest = max((_filled(line) for line in first), default=0)
    scores = [0 if any(map(is_value, line.cells)) else sum(map(known, line.cells)) for line in first]
    scores = [
        score if score > 1 or _filled(line) > min(widest, 2) - 1 else 0
        for score, line in zip(scores, first, strict=True)
    ]
    if any(scores):
        return scores.index(max(scores))
    start = next((at for at, line in enumerate(first) if any(map(is_value, line.cells))), len(first))
    if not 0 < start < len(lines):
        return -1
    above, below = first[start - 1], lines[start]
    is_text = not any(sum(map(str.isdigit, cell)) >= _DIGITS_OF_A_NUMBER for cell in above.cells)
    has_letters = any(character.isalpha() for cell in above.cells for character in cell)
    return start - 1 if is_text and has_letters and _filled(above) == _filled(below) else -1


def _filled(line: Line) -> int:
    return sum(map(bool, line.cells))


def skip_titles(lines: Sequence[Line], is_value: Callable[[str], bool]) -> int:
    """How many first lines are titles: one cell of words above rows that have values. For a list without a header."""
    start = next((at for at, line in enumerate(lines[:_HEADER_WITHIN]) if any(map(is_value, line.cells))), 0)
    if all(_is_title(line) for line in lines[:start]):
        return start
    return 0


def _is_title(line: Line) -> bool:
    text = "".join(line.cells)
    return sum(map(str.isdigit, text)) < _DIGITS_OF_A_NUMBER and any(map(str.isalpha, text)) and len(line.cells) >= 1


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


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that `name` is probably meant to be; empty when none is near."""
    by_key = {key(one): one for one in known}
    close = get_close_matches(key(name), by_key, n=1, cutoff=_ALIKE)
    return by_key[close[0]] if close else ""
