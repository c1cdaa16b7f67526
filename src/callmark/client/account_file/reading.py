"""Reads a file, and the logos and files of numbers that it names, which are beside it."""

from pathlib import Path

from msgspec import UNSET, Struct, UnsetType, field

from callmark.client.account_file.entries import AccountFile, FeatureSetEntry
from callmark.client.account_file.parsing import parse
from callmark.client.account_file.pictures import pixels
from callmark.client.account_file.plans import given
from callmark.client.account_file.trees import all_sets, trail
from callmark.client.account_file.typed_values import FileFaults, read_entries
from callmark.client.errors import CallmarkError
from callmark.tables.model import TableError
from callmark.tables.numbers import read_numbers
from callmark.tables.phones import NoNumber, read_phone

LARGEST_LOGO_BYTES = 2 << 20
"""Source: contract D35; the server refuses this size and more."""
_SHOWN = 5


class ReadFile(Struct):
    """A file's entries with their numbers, and the logos by the names that it gives them."""

    entries: AccountFile
    logos: dict[str, bytes] = field(default_factory=dict[str, bytes])


def read_file(path: Path) -> ReadFile:
    """The file at the path; a name that ends in `.json` says that it is JSON. Raises CallmarkError, FileFaults."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise CallmarkError(f"{path} is not UTF-8 text") from exc
    except OSError as exc:
        raise CallmarkError(f"cannot read {path}: {exc.strerror}") from exc
    try:
        found = ReadFile(read_entries(parse(text, is_json=path.suffix == ".json")))
    except FileFaults:
        raise
    except CallmarkError as exc:
        raise CallmarkError(f"{path}: {exc}") from exc
    faults = _read_logos(found, path.parent)
    for names, one in all_sets(given(found.entries.departments)):
        faults += [f"feature set {trail(*names)}: {why}" for why in _read_numbers(one, path.parent)]
    if faults:
        raise FileFaults(faults)
    return found


def _read_logos(found: ReadFile, beside: Path) -> list[str]:
    faults: list[str] = []
    for label in given(found.entries.labels):
        if isinstance(label.logo, UnsetType) or label.logo in found.logos:
            continue
        try:
            png = (beside / label.logo).read_bytes()
            _check_logo(png)
        except OSError as exc:
            faults.append(f"label {label.name}: cannot read the logo {label.logo}: {exc.strerror}")
        except CallmarkError as exc:
            faults.append(f"label {label.name}: the logo {label.logo} cannot be used: {exc}")
        else:
            found.logos[label.logo] = png
    return faults


def _check_logo(png: bytes) -> None:
    if len(png) >= LARGEST_LOGO_BYTES:
        raise CallmarkError("it must be smaller than 2 MB")
    pixels(png)


def _read_numbers(one: FeatureSetEntry, beside: Path) -> list[str]:
    """Puts the numbers into the entry as the platform writes them, each once; what is wrong with the others."""
    if not isinstance(one.numbers_file, UnsetType):
        if one.numbers is not UNSET:
            return ["give either numbers or numbers_file"]
        return _read_number_file(one, one.numbers_file, beside)
    if isinstance(one.numbers, UnsetType):
        return []
    read = [(text, read_phone(text)) for text in one.numbers]
    one.numbers = list(dict.fromkeys(number for _, number in read if isinstance(number, str)))
    return [f"{text!r} is no phone number: {wrong.why}" for text, wrong in read if isinstance(wrong, NoNumber)]


def _read_number_file(one: FeatureSetEntry, name: str, beside: Path) -> list[str]:
    try:
        data = (beside / name).read_bytes()
        found = read_numbers(data) if data.strip() else None
    except OSError as exc:
        return [f"cannot read {name}: {exc.strerror}"]
    except TableError as exc:
        return [f"{name}: {exc.message}"]
    one.numbers = found.numbers if found is not None else []
    one.numbers_file = UNSET
    unread = found.unread if found is not None else []
    faults = [f"{name}, line {line.line}: {line.text!r}: {line.why}" for line in unread[:_SHOWN]]
    return faults + ([f"{name}: {len(unread) - _SHOWN:,} more lines without a number"] if len(unread) > _SHOWN else [])
