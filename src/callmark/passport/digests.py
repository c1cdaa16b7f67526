"""Digests of rich call data: the claim `rcdi` (RFC 9795, section 6).

A digest stands for one value inside `rcd`, found by its JSON pointer (RFC 6901). Of an address the bytes behind it are
hashed, of any other value its signed form. Addresses are `/icn`, `/jcl`, and values of the type `uri` in a jCard. A
pointer below `/jcl` leads into the jCard that is at that address.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from callmark.passport.encoding import as_array, as_object, signed_form

ICON, JCARD, JCARD_URL = "/icn", "/jcd", "/jcl"
_ALGORITHMS = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}
_DIGEST = re.compile(r"(sha256|sha384|sha512)-([A-Za-z0-9+/]+)={0,2}\Z", re.ASCII)
_INDEX = re.compile(r"(0|[1-9][0-9]{0,8})\Z", re.ASCII)


def digest(content: bytes, algorithm: str = "sha256") -> str:
    """The digest of these bytes as `rcdi` has it: `sha256-` and base64 without padding. Raises KeyError."""
    return f"{algorithm}-{base64.b64encode(_ALGORITHMS[algorithm](content).digest()).decode().rstrip('=')}"


def is_digest(value: object) -> bool:
    """Whether `value` has the form of a digest, with or without padding."""
    found = _DIGEST.match(value) if isinstance(value, str) else None
    return found is not None and len(found[2]) == len(digest(b"", found[1])) - len(found[1]) - 1


def matches(content: bytes, expected: str) -> bool:
    """Whether `expected`, which has the form of a digest, is that of these bytes."""
    unpadded = expected.rstrip("=")
    return hmac.compare_digest(digest(content, unpadded.partition("-")[0]), unpadded)


def make_digests(rcd: Mapping[str, Any], contents: Mapping[str, bytes], *, values: bool = False) -> dict[str, str]:
    """The claim `rcdi` for a claim `rcd` in its JSON form.

    `contents` are the bytes behind each address that `rcd` names. With `values` the names and the jCard get digests
    too, which allows a certificate to permit one claim `rcdi` instead of names. Raises KeyError for an address whose
    content is not given.
    """
    found = {pointer: digest(contents[address]) for pointer, address in addresses(rcd)}
    if values:
        found |= {f"/{key}": digest(signed_form(rcd[key])) for key in ("nam", "apn", "jcd") if key in rcd}
    return found


def addresses(rcd: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The addresses that `rcd` names, with their pointers."""
    for pointer in (ICON, JCARD_URL):
        if pointer[1:] in rcd:
            yield pointer, rcd[pointer[1:]]
    yield from _of_jcard(JCARD, rcd.get("jcd"))


def check_digests(
    rcd: Mapping[str, Any], digests: Mapping[str, str], contents: Mapping[str, bytes]
) -> dict[str, bool | None]:
    """What the digests say, by pointer: True when one matches, False when not, None without its content.

    A pointer that leads nowhere is False. An address without a digest is False too: nothing vouches for it.
    """
    named = dict(addresses(rcd))
    if JCARD_URL in named and (jcard := contents.get(named[JCARD_URL])) is not None:
        named |= dict(_of_jcard(JCARD_URL, _json(jcard)))
    verdicts: dict[str, bool | None] = dict.fromkeys(named, False)
    for pointer, expected in digests.items():
        verdicts[pointer] = _verdict(pointer, expected, rcd, named, contents)
    return verdicts


def _verdict(
    pointer: str, expected: str, rcd: Mapping[str, Any], named: Mapping[str, str], contents: Mapping[str, bytes]
) -> bool | None:
    if pointer in named:
        content = contents.get(named[pointer])
        return None if content is None else matches(content, expected)
    if pointer.startswith(JCARD_URL + "/"):
        behind = contents.get(str(rcd.get("jcl")))
        return None if behind is None else _value_matches(_json(behind), pointer.removeprefix(JCARD_URL), expected)
    return _value_matches(rcd, pointer, expected)


def _value_matches(document: object, pointer: str, expected: str) -> bool:
    try:
        return matches(signed_form(at_pointer(document, pointer)), expected)
    except (LookupError, ValueError):
        return False


def at_pointer(document: object, pointer: str) -> object:
    """The value at a JSON pointer (RFC 6901). Raises LookupError."""
    value = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if (members := as_object(value)) is not None:
            value = members[key]
        elif (entries := as_array(value)) is not None and _INDEX.match(key):
            value = entries[int(key)]
        else:
            raise LookupError(pointer)
    return value


def _of_jcard(pointer: str, jcard: object) -> Iterator[tuple[str, str]]:
    """The values of the type `uri` in a jCard `["vcard", [[name, parameters, type, value, …], …]]`."""
    for line, entry in enumerate(map(as_array, _second(as_array(jcard)))):
        if entry is not None and entry[2:3] == ["uri"]:
            for at, value in enumerate(entry[3:], start=3):
                if isinstance(value, str):
                    yield f"{pointer}/1/{line}/{at}", value


def _second(jcard: list[Any] | None) -> list[Any]:
    return (as_array(jcard[1]) if jcard and len(jcard) > 1 else None) or []


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
