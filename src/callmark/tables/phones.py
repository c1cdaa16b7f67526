"""Phone numbers as people and spreadsheets write them: every digit that is read must be accounted for.

`phonenumbers` knows the plans; it also searches, cuts and turns letters into digits, which is right for a person at a
keypad and wrong for data. So what it gets is cleaned here first, and what it gives is compared with what was written.
"""

import re
import unicodedata
from functools import lru_cache

from msgspec import Struct

from callmark.tables.plans import code_in, has_plan, is_valid, region_of, trunk_in

SHORTEST, LONGEST = 7, 15
"""Digits of a number with its country code. Source: contract D25."""

_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad\ufe58\ufe63\uff0d\u30fc")
_INVISIBLE = frozenset({"Cf", "Cc"})
_PREFIX = re.compile(
    r"(?:tel|telephone|phone|ph|mobile|mob|cell|callto|sms|whatsapp|contact|number)\s*(?:no)?\s*[.:]+\s*", re.IGNORECASE
)
_FORMULA = re.compile(r'=\s*(?:"([^"]*)"|(\+?[0-9]+))')
_ZERO_FRACTION = re.compile(r"([^.,]*[0-9][^.,]*)[.,]0{1,2}|(\+?[0-9]{7,})[.,]0+")
_FRACTION = re.compile(r"\+?[0-9]{5,}[.,][0-9]{1,2}|\+?[0-9]{7,}[.,][0-9]+")
_MARKED = re.compile(r"(?:>\s*)+|[*\u2022\u00b7\u2023\u25aa\u25cf\u25e6\u25cb]\s+|[\u2022\u25aa\u25cf]")
"""What precedes a number in a mail: signs of a quotation or of a list."""
_NUMBERED = re.compile(r"\(?[1-9][0-9]{0,2}[.)]\s+(?=[+(0-9])")
"""A list's own number before a phone number, `2. 98400 12345`; `(080) 4000 1234` looks the same."""
_BRACKETS = {"<": ">", "[": "]", "{": "}"}
_THOUSANDS = re.compile(r"\+?[0-9]{1,3}(?:,[0-9]{3}){2,}")
_EXPONENT = re.compile(r"\+?([0-9])(?:[.,]([0-9]+))?e\+?([0-9]{1,3})", re.IGNORECASE)
_EXTENSION = re.compile(r"[0-9)]\s*(?:;?\s*ext(?:ension|n)?\b|x|#)[.:=\s]*[0-9]+\s*$", re.IGNORECASE)
_SHORT_TAIL = re.compile(r"[0-9]\s*/\s*[0-9]{1,4}\s*$")
_WRITTEN = frozenset("0123456789+-()./ ")
_DIGITS = re.compile(r"[0-9]")
_BETWEEN = re.compile(r"\s(?:and|or)\s|[,;|/&\n]+|\s(?=\+|00)")
"""For texts with single spaces and line breaks: runs would be gone through again from each of their characters."""
_SPACES = re.compile(r"\s+")
_MANY_SPACES = re.compile(r" {2,}")
_BREAKS = re.compile(r" ?[\t\r\n][\t\r\n ]*")
_DIALLING_0011 = frozenset({"AU", "CC", "CX"})
"""Countries in which numbers of others are dialled with 0011; 00 before them is read too."""
_CUT = "a spreadsheet or a 32-bit float has cut its last digits; store the column as text and save the file again"
_WITH_CODE = re.compile(r"[^0-9+]*(?:\+|00)")
_LONGEST_TEXT = 100
_DIALLED = re.compile(r"(?:\D*+\d){4}")
"""As many digits as the shortest number has without its country code, which has at most three."""
_FEWEST_DIGITS = 3
"""A text with letters and fewer digits is no attempt at a number."""


class NoNumber(Struct, frozen=True):
    """What is wrong with a text that gives no number."""

    why: str
    either: tuple[str, ...] = ()
    """The two numbers that it may be, where nothing says which."""


def read_phone(text: str, region: str = "") -> str | NoNumber:
    """The one number that a text writes: country code and digits, without a `+`; or what is wrong with it.

    `region`, an ISO 3166 code in upper case, says where numbers without a country code are dialled; without it they are
    taken to begin with theirs.
    """
    if not region and text.isascii() and text.isdigit() and SHORTEST <= len(text) <= LONGEST and text[0] != "0":
        return text  # the same, without the work: lists are long
    if len(text) > _LONGEST_TEXT:  # what follows takes longer than in proportion
        return NoNumber("too long")
    cleaned = _clean(text)
    if isinstance(cleaned, NoNumber):
        return cleaned
    read = _parse(cleaned, region)
    return _without_place(cleaned, read, region) if _NUMBERED.match(cleaned) else read


def _without_place(cleaned: str, read: str | NoNumber, region: str) -> str | NoNumber:
    """A number behind what may be its place in a list; `read` is what it gives with that."""
    behind = _parse(_NUMBERED.sub("", cleaned, count=1), region)
    if isinstance(behind, NoNumber) or behind == read or cleaned.startswith("("):
        return read
    if isinstance(read, NoNumber):
        return behind
    return NoNumber(f"could mean +{read} or +{behind}; leave out the places of a list")


def read_phones(text: str, region: str = "") -> list[str] | NoNumber:
    """Every number of a text that may write several; none of them when one cannot be read."""
    found = read_parts(text, region)
    return found if isinstance(found, NoNumber) else [number for number, _ in found]


def read_parts(text: str, region: str = "") -> list[tuple[str, str]] | NoNumber:
    """As `read_phones`, each number with the part of the text that writes it."""
    first = read_phone(text, region)
    if isinstance(first, str):
        return [(first, text)]
    plain = _BREAKS.sub("\n", _MANY_SPACES.sub(" ", plain_text(text)))
    for divider in (_BETWEEN, _SPACES):
        parts = [part for part in divider.split(plain) if part.strip()]
        if len(parts) > 1 and (found := _all_of(parts, region)):
            return found
    if _BETWEEN.search(plain) and sum(map(str.isdigit, plain)) > LONGEST:
        return NoNumber("several numbers on one line, and some of them are not valid")
    return first


def _all_of(parts: list[str], region: str) -> list[tuple[str, str]]:
    """The number of each part, nothing when one has none; a cell of a million parts is given up at the first such."""
    found: list[tuple[str, str]] = []
    for part in parts:
        one = read_phone(part, region)
        if isinstance(one, NoNumber):
            return []
        found.append((one, part))
    return found


def has_code(text: str) -> bool:
    """Whether the number that a text writes begins with + or 00, and so with its country code."""
    return _WITH_CODE.match(plain_text(text)) is not None


def looks_like_phone(text: str, region: str = "") -> bool:
    """Whether a text is one number or several, of plans that exist: what tells a column of numbers from one of ids."""
    if not _DIALLED.match(text):
        return False  # most cells are words, and reading one takes fifty times as long
    found = read_phones(text, region)
    return bool(found.either) if isinstance(found, NoNumber) else all(map(has_plan, found))


def plain_text(text: str) -> str:
    """Digits of any script, dashes, spaces and full-width forms as ASCII has them; invisible characters left out."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return "".join(map(as_ascii, text)).strip()


@lru_cache(maxsize=4096)
def as_ascii(one: str) -> str:
    """A character as `read_phone` sees it, one of ASCII if it has such a form; empty where nobody sees it."""
    if (digit := unicodedata.decimal(one, -1)) >= 0:
        return str(digit)
    if one in _DASHES:
        return "-"
    if "\uff01" <= one <= "\uff5e":
        return chr(ord(one) - 0xFEE0)
    if one in "\t\r\n" or unicodedata.category(one) == "Zs":
        return " " if one not in "\t\r\n" else one
    return "" if unicodedata.category(one) in _INVISIBLE else one


def _clean(text: str) -> str | NoNumber:
    """What is written, without what spreadsheets and links put around it: digits, `+` and what divides groups."""
    plain = plain_text(text)
    if formula := _FORMULA.fullmatch(plain):
        plain = (formula[1] or formula[2] or "").strip()
    plain = _MARKED.sub("", plain, count=1) if _MARKED.match(plain) else plain
    if plain[:1] in _BRACKETS and plain.endswith(_BRACKETS[plain[0]]):
        plain = plain[1:-1].strip()
    plain = plain.strip("'\u2018\u2019`\"\u201c\u201d").strip()
    plain = _PREFIX.sub("", plain, count=1) if _PREFIX.match(plain) else plain
    plain = plain.rstrip(",;.").strip()
    if not plain:
        return NoNumber("no number on this line")
    return _without_spreadsheet(plain)


def _without_spreadsheet(plain: str) -> str | NoNumber:
    """A number column's formats: `918040001234.0`, `918,040,001,234`, `9.18E+11`."""
    if exponent := _EXPONENT.fullmatch(plain):
        whole, fraction, power = exponent[1], exponent[2] or "", int(exponent[3])
        if len(fraction) == power:
            return whole + fraction
        return NoNumber(_CUT)
    if zero := _ZERO_FRACTION.fullmatch(plain):
        plain = (zero[1] or zero[2]).strip()
    elif _FRACTION.fullmatch(plain):
        return NoNumber("a number with decimals is not a phone number")
    if _THOUSANDS.fullmatch(plain):
        plain = plain.replace(",", "")
    why = _strange(plain)
    return NoNumber(why) if why else plain


def _strange(plain: str) -> str:
    """What a number cannot have in it; empty when there is nothing of the kind."""
    if _SHORT_TAIL.search(plain):
        return "two numbers, or an extension; write each number in full"
    if _EXTENSION.search(plain):
        return "an extension cannot be listed"
    strange = "".join(one for one in plain if one not in _WRITTEN)
    if any(map(str.isalpha, strange)):
        has_digits = sum(map(str.isdigit, plain)) >= _FEWEST_DIGITS
        return "letters are not allowed; write the number in digits" if has_digits else "not a phone number"
    if strange:
        return f"{strange[0]!r} is not allowed in a phone number"
    return "" if _DIGITS.search(plain) else "not a phone number"


def _parse(written: str, region: str) -> str | NoNumber:
    digits = "".join(_DIGITS.findall(written))
    if "+" in written.lstrip("( ")[1:]:
        return NoNumber("a + is allowed only at the start of a number")
    if not region and not written.startswith("+") and digits.startswith("0") and not digits.startswith("00"):
        return NoNumber("starts with 0; choose its country")
    is_plain = digits == written.removeprefix("+") and SHORTEST <= len(digits) <= LONGEST and digits[0] != "0"
    if not region and is_plain:  # as it is kept, whatever its plan
        return digits
    if digits.startswith("0011") and region in _DIALLING_0011:  # before 00 and the 1 of the United States
        behind = _whole(written, digits, region)
        if not isinstance(behind, NoNumber):
            return behind
    read = _whole(_international(written, digits, region), digits, region)
    has_code = written.lstrip("( ").startswith("+") or digits.startswith("00")
    return _with_or_without_code(read, digits, region) if region and not has_code else read


def _with_or_without_code(read: str | NoNumber, digits: str, region: str) -> str | NoNumber:
    """What digits without a `+` are that may begin with their region's country code: the one valid reading.

    `read` is what is dialled within the country: for `4915112345678` in Germany a number behind 0491, where it can
    also be the mobile number 0151 12345678. What is dialled before national numbers, such as 0, decides for that.
    Neither is valid in a range that is newer than the plans. Then nothing says which is meant, and with the code twice
    the number is another's.
    """
    code, trunk = code_in(region), trunk_in(region)
    own = digits if digits.startswith(code) else digits.removeprefix(trunk)
    if not own.startswith(code) or read == own:
        return read
    complete = _whole(f"+{own}", digits, region)
    if isinstance(complete, NoNumber) or complete == read:
        return read
    if isinstance(read, NoNumber):
        return complete if is_valid(complete) else read
    valid = [one for one in (complete, read) if is_valid(one)]
    if len(valid) == 1:
        return valid[0]
    if valid and own != digits:
        return read
    return NoNumber(f"could be +{complete} or +{read}; write it with +", (complete, read))


def _international(written: str, digits: str, region: str) -> str:
    """With a `+` where a number begins with its country code."""
    if digits.startswith("00") and not written.startswith("+"):
        return "+" + digits[2:]
    return f"+{written}" if not region and not written.lstrip("( ").startswith("+") else written


def _whole(written: str, digits: str, region: str) -> str | NoNumber:
    """The number that is found, when its length is right and every digit is in it."""
    try:
        import phonenumbers
    except ModuleNotFoundError:
        return NoNumber("write country code and digits alone, or install the plans: pip install 'callmark[files]'")
    try:
        found = phonenumbers.parse(written, region or None)
    except phonenumbers.NumberParseException as exc:
        return NoNumber(_why(exc.error_type))
    if phonenumbers.is_possible_number_with_reason(found) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return NoNumber("too short or too long for its country")
    national: str = phonenumbers.national_significant_number(found)
    number = f"{found.country_code}{national}"
    if not _is_all(digits, str(found.country_code), national, region):
        return NoNumber(f"could mean +{number}; write it with its country code")
    if national.startswith("0") and not _is_kept(number, national):
        return NoNumber("not a phone number")
    return number if SHORTEST <= len(number) <= LONGEST else NoNumber("too short or too long for its country")


def _is_kept(number: str, national: str) -> bool:
    """Whether the number is read as itself: some countries begin numbers with 0, elsewhere it is one too many."""
    import phonenumbers

    return phonenumbers.national_significant_number(phonenumbers.parse(f"+{number}")) == national


def _is_all(digits: str, country: str, national: str, region: str) -> bool:
    """Whether every digit written is in the number, or is a prefix that is dialled before it."""
    if not digits.endswith(national):
        return False
    before = digits[: len(digits) - len(national)]
    trunks = {"", "0", trunk_in(region or region_of(country))}
    if before in {*trunks, *(f"{lead}{country}{one}" for lead in ("", "00") for one in trunks)}:
        return True
    return bool(region) and before.endswith(country)  # dialled with the region's own prefix for abroad


def _why(error: int) -> str:
    import phonenumbers

    kinds = phonenumbers.NumberParseException
    return {
        kinds.INVALID_COUNTRY_CODE: "its country code does not exist",
        kinds.TOO_SHORT_NSN: "too short",
        kinds.TOO_SHORT_AFTER_IDD: "too short",
        kinds.TOO_LONG: "too long",
    }.get(error, "not a phone number")
