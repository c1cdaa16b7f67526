"""Compares an answer with what a sample expects, exactly: no key more, none less, `1` is neither `1.0` nor `true`."""

import re
from collections.abc import Callable

from tests.contract.templates import Json

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_ISO = {"ms": r"\.\d{3}", "us": r"\.\d{6}", "fraction": r"\.\d{1,9}"}
_SHOWN = 300


def differences(expected: Json, actual: Json, names: dict[str, str], path: str = "body") -> list[str]:
    """What differs, a sentence each; empty when all matches. What matchers save goes into `names`."""
    if isinstance(expected, dict):
        matcher = _matcher_of(expected)  # pyright: ignore[reportUnknownArgumentType] - JSON is what it is
        if matcher is not None:
            return _matcher_differs(matcher, expected, actual, names, path)
        if isinstance(actual, dict):
            return _objects_differ(expected, actual, names, path)
    elif isinstance(expected, list) and isinstance(actual, list):
        return _arrays_differ(expected, actual, names, path)
    elif type(expected) is type(actual) and expected == actual:  # pyright: ignore[reportUnknownArgumentType] - as above
        return []
    return [_differs(path, expected, actual)]


def _matcher_of(expected: dict[str, Json]) -> str | None:
    return next((key for key in expected if key.startswith("$")), None)


def _matcher_differs(matcher: str, expected: Json, actual: Json, names: dict[str, str], path: str) -> list[str]:
    return [] if _MATCHERS[matcher](expected, actual, names) else [_differs(path, expected, actual)]


def _objects_differ(expected: Json, actual: Json, names: dict[str, str], path: str) -> list[str]:
    found = [f"{path} lacks {key}" for key in expected if key not in actual]
    found += [f"{path} has {key}, which is not documented: {actual[key]!r}" for key in actual if key not in expected]
    for key in expected:
        if key in actual:
            found += differences(expected[key], actual[key], names, f"{path}.{key}")
    return found


def _arrays_differ(expected: Json, actual: Json, names: dict[str, str], path: str) -> list[str]:
    if len(expected) != len(actual):
        return [f"{path} has {len(actual)} elements, expected {len(expected)}: {str(actual)[:_SHOWN]}"]
    pairs = zip(expected, actual, strict=True)
    return [one for i, (e, a) in enumerate(pairs) for one in differences(e, a, names, f"{path}[{i}]")]


def _differs(path: str, expected: Json, actual: Json) -> str:
    return f"{path} is {_short(actual)}, expected {_short(expected)}"


def _short(value: Json) -> str:
    return repr(value)[:_SHOWN]


def _uuid(matcher: Json, actual: Json, names: dict[str, str]) -> bool:
    return isinstance(actual, str) and _saves(matcher, "$uuid", _UUID, actual, names)


def _token64(matcher: Json, actual: Json, names: dict[str, str]) -> bool:
    return isinstance(actual, str) and _saves(matcher, "$token64", "[A-Za-z0-9]{64}", actual, names)


def _url(matcher: Json, actual: Json, names: dict[str, str]) -> bool:
    return isinstance(actual, str) and _saves(matcher, "$url", r"https?://[^\s/]+/\S+", actual, names)


def _text_with_uuid(matcher: Json, actual: Json, names: dict[str, str]) -> bool:
    prefix = matcher["$text_with_uuid"]
    if not isinstance(actual, str) or not actual.startswith(prefix):
        return False
    return _saves(matcher, "save", _UUID, actual[len(prefix) :], names)


def _saves(matcher: Json, key: str, pattern: str, text: str, names: dict[str, str]) -> bool:
    other = matcher.get("not")
    if not re.fullmatch(pattern, text) or (other is not None and names[other] == text):
        return False
    names[matcher[key]] = text
    return True


def _iso(matcher: Json, actual: Json, _: dict[str, str]) -> bool:
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d" + _ISO[matcher["$iso"]] + "Z"
    return isinstance(actual, str) and re.fullmatch(pattern, actual) is not None


_MATCHERS: dict[str, Callable[[Json, Json, dict[str, str]], bool]] = {
    "$uuid": _uuid,
    "$token64": _token64,
    "$url": _url,
    "$text_with_uuid": _text_with_uuid,
    "$iso": _iso,
    "$int": lambda _, actual, __: type(actual) is int,
    "$text": lambda _, actual, __: isinstance(actual, str) and bool(actual),
    "$any": lambda _, __, ___: True,
}
