"""`POST lint`: what the batch route would say to a body, all at once; nothing is stored (docs/extensions.md)."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from callmark.broken_json import NOT_JSON
from callmark.domain.personalisation.dry_run import lint
from callmark.domain.personalisation.model import MOST_RECORDS
from callmark.kit.errors import InvalidInput
from callmark.record_rules.fields import Fault, Faulty, NewRecord
from callmark.surfaces.api.extensions.hints import NameHints, hint_for, unknown_names
from callmark.surfaces.api.records import (
    V1,
    V2,
    V3,
    BodyFault,
    Generation,
    fault_text,
    not_an_object,
    read_record,
    split_batch,
    wrong_size,
)
from callmark.surfaces.api.request import ApiRequest, refuse
from callmark.surfaces.bodies import decode
from callmark.surfaces.http import Response, render

_fields = msgspec.json.Decoder(dict[str, Raw]).decode
GENERATIONS = {"v1": V1, "v2": V2, "v3": V3}


class LintIn(msgspec.Struct):
    """The body of the batch route of the generation, valid or not."""

    call_records: Annotated[list[dict[str, Any]], Meta(description="Records with the field names of the generation.")]


class Finding(msgspec.Struct):
    """A fault that the batch route would find, or (a warning) something it would silently ignore."""

    index: Annotated[
        int | None, Meta(description="Position of the record in `call_records`, starting at 0; null for the body.")
    ]
    field: Annotated[str, Meta(description="The field name in this generation; empty for the whole body.")]
    code: Annotated[str, Meta(description="The kind of finding, for programs.")]
    message: Annotated[str, Meta(description="The message that the batch route would return.")]
    hint: Annotated[str | UnsetType, Meta(description="What to change; absent if there is no suggestion.")] = UNSET


class LintCounts(msgspec.Struct):
    """Totals of the check."""

    records: Annotated[int, Meta(description="Elements of `call_records`.")]
    good: Annotated[int, Meta(description="Records without a fault.")]
    faulty: Annotated[int, Meta(description="Records with at least one fault.")]
    faults: Annotated[int, Meta(description="Total number of faults.")]
    warnings: Annotated[int, Meta(description="Total number of warnings.")]


class LintOut(msgspec.Struct):
    """What the batch route would answer to this body."""

    generation: Annotated[
        str, Meta(description="The generation whose rules apply.", extra_json_schema={"enum": ["v1", "v2", "v3"]})
    ]
    accepted: Annotated[
        bool,
        Meta(
            description="Whether the batch would be accepted and its valid records pushed; false means 400"
            " for the whole request."
        ),
    ]
    counts: Annotated[LintCounts, Meta(description="Totals of the check.")]
    faults: Annotated[list[Finding], Meta(description="Every fault of every record, in order.")]
    warnings: Annotated[list[Finding], Meta(description="Unknown names, which the API ignores.")]


async def lint_batch(request: ApiRequest) -> Response:
    """`POST lint?generation=`: 200 whatever is wrong with the body; its faults are what was asked for."""
    name = request.query("generation")
    if name is None:
        raise InvalidInput("generation is required", field="generation")
    if name not in GENERATIONS:
        refuse("generation")
    dry = _DryRun(name, GENERATIONS[name])
    records = dry.read(request.body)
    found = await lint(request.deps, request.account_id, dry.generation.rules, list(records.values()))
    for (index, record), faults in zip(records.items(), found, strict=True):
        dry.report(index, record, faults)
    return render(dry.result())


class _DryRun:
    """Collects what is found in one body."""

    def __init__(self, name: str, generation: Generation) -> None:
        self.generation = generation
        self._name = name
        self._names = NameHints.of(name, generation)
        self._count = 0
        self._accepted = True
        self._faults: list[Finding] = []
        self._warnings: list[Finding] = []
        self._strays: dict[int, dict[str, str]] = {}

    def read(self, body: bytes) -> dict[int, NewRecord]:
        """The records that can be validated, by index; up to 500 also where there are more."""
        self._warn_about(None, body, NameHints("the body", {"call_records": "call_records"}))
        try:
            raws = split_batch(self.generation, body)
        except BodyFault as exc:
            self._refuse(None, exc, self._wrapper_hint())
            return {}
        self._count = len(raws)
        if fault := wrong_size(self.generation, len(raws)):
            self._refuse(None, fault)
        records: dict[int, NewRecord] = {}
        for index, raw in enumerate(raws[:MOST_RECORDS]):
            try:
                records[index] = read_record(self.generation, raw, not_object=not_an_object(self.generation))
            except BodyFault as exc:
                self._refuse(index, exc)
            else:
                self._warn_about(index, raw, self._names)
        return records

    def report(self, index: int, record: NewRecord, faults: list[Faulty]) -> None:
        """Adds a record's faults."""
        for bad in faults:
            field = self.generation.names[bad.field]
            stray = self._strays.get(index, {}).get(field)
            if bad.fault is Fault.REQUIRED and stray is not None:
                hint: str | UnsetType = f"the record has {stray}; in {self._name} the field is {field}"
            else:
                hint = hint_for(self.generation, bad, record)
            text = fault_text(self.generation, bad.field, bad.fault)
            self._faults.append(Finding(index, field, bad.fault, text, hint))

    def result(self) -> LintOut:
        """All that was found, in the order of the records."""
        self._faults.sort(key=lambda one: -1 if one.index is None else one.index)
        faulty = {one.index for one in self._faults if one.index is not None}
        validated = min(self._count, MOST_RECORDS)
        counts = LintCounts(self._count, validated - len(faulty), len(faulty), len(self._faults), len(self._warnings))
        return LintOut(self._name, self._accepted, counts, self._faults, self._warnings)

    def _refuse(self, index: int | None, exc: BodyFault, hint: str | UnsetType = UNSET) -> None:
        self._accepted = False
        self._faults.append(Finding(index, exc.field, exc.code, exc.message, hint))

    def _warn_about(self, index: int | None, body: bytes | Raw, names: NameHints) -> None:
        try:
            sent = decode(_fields, bytes(body))
        except NOT_JSON:
            return
        for stray, right in unknown_names([name.replace("\0", "\ufffd") for name in sent], names):
            text = f"{stray} is not a field of {names.of_what} and is ignored"
            self._warnings.append(Finding(index, stray, "unknown_field", text, right or UNSET))
            if right is not None and index is not None:
                self._strays.setdefault(index, {}).setdefault(right, stray)

    def _wrapper_hint(self) -> str | UnsetType:
        near = [one.field for one in self._warnings if one.hint == "call_records"]
        return f"the body has {near[0]}; the field is call_records" if near else UNSET
