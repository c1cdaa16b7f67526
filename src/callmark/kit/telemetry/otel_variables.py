"""The variables of OpenTelemetry, as the extra `tracing` takes them.

Its SDK takes another value for one that it cannot read, such as all traces for a ratio of `1%`, and says so in a line
of its own, or raises what names no variable. So they are read here first.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from callmark.kit.errors import SetupError

SERVICE = "callmark"
SAMPLERS = ("always_on", "always_off", "traceidratio")
USUAL_SAMPLER = "parentbased_always_on"
USUAL_QUEUE, USUAL_BATCH, USUAL_DELAY_MS = 2048, 512, 1000
_QUEUE, _BATCH, _DELAY = "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BSP_SCHEDULE_DELAY"
_SAMPLER, _SHARE = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
_RATIO = "traceidratio"
_is_header = re.compile(r"[!#-'*+\-.0-9A-Z^-z|~]+[ \t]*=[ \t!#-:<-\[\]-~]*").fullmatch


class _Variables:
    """Those that are set. By the specification, one that is empty is not."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._values = {name: value.strip() for name, value in environ.items() if value.strip()}

    def get(self, name: str, usual: str = "") -> str:
        return self._values.get(name, usual)

    def number(self, name: str, usual: int) -> int:
        return int(self._values.get(name, usual))


def check(environ: Mapping[str, str]) -> None:
    """Raises SetupError, whose text names each variable that is wrong, in one line."""
    if wrong := list(_faults(_Variables(environ))):
        raise SetupError("; ".join(wrong))


def is_disabled(environ: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry is switched off as a whole."""
    return _Variables(environ).get("OTEL_SDK_DISABLED").lower() == "true"


def service_name(environ: Mapping[str, str]) -> str:
    """What traces call this service."""
    variables = _Variables(environ)
    pairs = (item.partition("=") for item in variables.get("OTEL_RESOURCE_ATTRIBUTES").split(","))
    named = {name.strip(): unquote(value.strip()) for name, _, value in pairs}
    return variables.get("OTEL_SERVICE_NAME") or named.get("service.name") or SERVICE


def sampler(environ: Mapping[str, str]) -> tuple[str, float]:
    """The name of one, and which share of all traces it lets through. `check` is to be before it."""
    variables = _Variables(environ)
    name = variables.get(_SAMPLER, USUAL_SAMPLER).lower()
    return name, float(variables.get(_SHARE, "1")) if name.endswith(_RATIO) else 1.0


def batching(environ: Mapping[str, str]) -> tuple[int, int, int]:
    """How many spans wait at most, how many are sent at once, and how often, in milliseconds."""
    variables = _Variables(environ)
    queue = variables.number(_QUEUE, USUAL_QUEUE)
    return queue, variables.number(_BATCH, min(USUAL_BATCH, queue)), variables.number(_DELAY, USUAL_DELAY_MS)


def _faults(variables: _Variables) -> Iterator[str]:
    for name, is_good, wanted in _RULES:
        value = variables.get(name)
        if value and not is_good(value):
            yield f"{name} is invalid: it must be {wanted}"
    if variables.get(_SHARE) and not variables.get(_SAMPLER):
        yield f"{_SHARE} is set, but not {_SAMPLER}: everything would be traced"
    with suppress(ValueError):  # said above
        if variables.number(_BATCH, 0) > (queue := variables.number(_QUEUE, USUAL_QUEUE)):
            yield f"{_BATCH} is invalid: it must be at most {_QUEUE}, which is {queue}"


def _is_truth(value: str) -> bool:
    return value.lower() in {"true", "false"}


def _is_compression(value: str) -> bool:
    return value.lower() in {"none", "gzip", "deflate"}


def _is_share(value: str) -> bool:
    try:
        return 0 <= float(value) <= 1
    except ValueError:
        return False


def _is_sampler(value: str) -> bool:
    return value.lower().removeprefix("parentbased_") in SAMPLERS


def _is_positive(value: str) -> bool:
    return _is_count(value) and int(value) > 0


def _is_count(value: str) -> bool:
    return value.isascii() and value.isdigit()


def _is_file(value: str) -> bool:
    try:
        Path(value).read_bytes()
    except OSError:
        return False
    return True


def _are_pairs(value: str) -> bool:
    return all("=" in item for item in value.split(",") if item.strip())


def _are_headers(value: str) -> bool:
    return all(_is_header(item.strip()) for item in value.split(",") if item.strip())


_Rule = tuple[str, Callable[[str], bool], str]
_EXPORTER = ("OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_")
_RULES: tuple[_Rule, ...] = (
    ("OTEL_SDK_DISABLED", _is_truth, "true or false"),
    (_SAMPLER, _is_sampler, f"one of {', '.join(f'{one}, parentbased_{one}' for one in SAMPLERS)}"),
    (_SHARE, _is_share, "a number from 0 to 1"),
    ("OTEL_RESOURCE_ATTRIBUTES", _are_pairs, "name=value, several separated by commas"),
    *((name, _is_positive, "a whole number from 1") for name in (_QUEUE, _BATCH, _DELAY, "OTEL_BSP_EXPORT_TIMEOUT")),
    *(
        (f"OTEL_{name}_LIMIT", _is_count, "a whole number from 0")
        for name in (
            *("ATTRIBUTE_COUNT", "ATTRIBUTE_VALUE_LENGTH", "SPAN_ATTRIBUTE_COUNT", "SPAN_ATTRIBUTE_VALUE_LENGTH"),
            *("SPAN_EVENT_COUNT", "SPAN_LINK_COUNT", "EVENT_ATTRIBUTE_COUNT", "LINK_ATTRIBUTE_COUNT"),
        )
    ),
    *(
        (f"{start}{name}", is_good, wanted)
        for start in _EXPORTER
        for name, is_good, wanted in (
            ("COMPRESSION", _is_compression, "none, gzip or deflate"),
            ("HEADERS", _are_headers, "name=value, several separated by commas"),
            *(
                (name, _is_file, "a file that can be read")
                for name in ("CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE")
            ),
        )
    ),
)
"""Variables, what they must be, and that in words. Values are not repeated: headers are secrets."""
