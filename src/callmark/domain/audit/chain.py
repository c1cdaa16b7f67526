"""The chain of the audit log: what is sealed of an entry, and what a look at all seals finds wrong.

A seal is the SHA-256 of the seal before it, the entry's place and the digest of what the entry says. So no entry can be
changed, deleted or moved, and none put between two, without a seal that no longer fits
(docs/decisions/0062-data-protection.md).
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

import msgspec
from msgspec import Struct, field

from callmark.domain.audit.model import AuditAction
from callmark.domain.ids import AccountId, AuditId
from callmark.kit.errors import InvalidInput

_CONTENT, _SEAL = b"callmark audit entry 1\n", b"callmark audit seal 1\n"
MOST_FAULTS = 100
"""More are counted, and not listed one by one."""


class AuditSeal(Struct, frozen=True):
    """A place in the chain, and the digest that stands for all entries up to it."""

    number: int
    sha256: bytes


START = AuditSeal(0, bytes(32))
"""Before the first entry."""


class SealableEntry(Struct, frozen=True):
    """An entry as it is stored; `details` is the JSON text."""

    id: AuditId
    account_id: AccountId | None
    actor_email: str
    by_operator: bool
    action: str
    subject: str
    details: str
    address: str
    at: datetime

    def digest(self) -> bytes:
        """The SHA-256 of all that it says."""
        said = (
            str(self.id),
            None if self.account_id is None else str(self.account_id),
            self.actor_email,
            self.by_operator,
            self.action,
            self.subject,
            self.details,
            self.address,
            self.at.astimezone(UTC).isoformat(timespec="microseconds"),
        )
        return hashlib.sha256(_CONTENT + msgspec.json.encode(said)).digest()


class SealedEntry(Struct, frozen=True):
    """An entry with its seal as it is stored; `is_redacted`: it no longer says what its digest was made of."""

    entry: SealableEntry
    content_sha256: bytes
    seal: AuditSeal
    is_redacted: bool


class AuditFault(Struct, frozen=True):
    """What does not fit, and where: a place in the chain, and the entry in it, if there is one."""

    number: int
    entry_id: AuditId | None
    what: str


class AuditVerification(Struct):
    """What a look at the whole chain has found; `head` is the newest seal, `since` the last before the oldest entry.

    Of the `redacted` entries, `in_erasure` are those of an erasure that has not ended; it names them when it does.
    """

    since: AuditSeal
    head: AuditSeal
    checked: int = 0
    redacted: int = 0
    in_erasure: int = 0
    unsealed: int = 0
    fault_count: int = 0
    faults: list[AuditFault] = field(default_factory=list[AuditFault])

    @property
    def is_intact(self) -> bool:
        """Whether no fault was found."""
        return not self.fault_count

    def fault(self, number: int, entry_id: AuditId | None, what: str) -> None:
        """Notes what does not fit."""
        self.fault_count += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(AuditFault(number, entry_id, what))


def next_seal(before: AuditSeal, content_sha256: bytes) -> AuditSeal:
    """The seal of an entry that comes after `before`."""
    number = before.number + 1
    said = _SEAL + before.sha256 + number.to_bytes(8) + content_sha256
    return AuditSeal(number, hashlib.sha256(said).digest())


def seal_all(before: AuditSeal, entries: Sequence[SealableEntry]) -> Iterator[tuple[SealableEntry, bytes, AuditSeal]]:
    """Each entry with its digest and its seal, in their order after `before`."""
    for entry in entries:
        content = entry.digest()
        before = next_seal(before, content)
        yield entry, content, before


class ChainReader:
    """Looks at every sealed entry in the order of the chain, then says what does not fit."""

    def __init__(self, checkpoint: AuditSeal | None, head: AuditSeal, anchors: Sequence[AuditSeal] = ()) -> None:
        """`checkpoint` is the seal of the last entry that was pruned, `anchors` are seals that were kept elsewhere."""
        since = checkpoint or START
        self.found = AuditVerification(since, head)
        self._before = since
        self._anchors = {one.number: one.sha256 for one in anchors if one.number >= since.number}
        self._redacted: dict[str, int] = {}
        self._named: set[str] = set()
        self._is_pruning_told = checkpoint is None
        self._compare(since, None)

    def read(self, one: SealedEntry) -> None:
        """Compares the next entry with its own seal and with the one before."""
        self.found.checked += 1
        self._link(one)
        if one.is_redacted:
            self.found.redacted += 1
            self._redacted[str(one.entry.id)] = one.seal.number
        elif one.entry.digest() != one.content_sha256:
            self.found.fault(one.seal.number, one.entry.id, "what it says was changed after it was sealed")
        elif one.entry.action in (AuditAction.PERSON_ERASED, AuditAction.AUDIT_PRUNED):
            self.hear(one.entry)
        self._compare(one.seal, one.entry.id)
        self._before = one.seal

    def ended(self, in_erasure: Collection[str] = ()) -> AuditVerification:
        """All that was found, after the last entry; `in_erasure`: what erasures that have not ended have redacted."""
        found = self.found
        if self._before != found.head:
            what = _missing(self._before.number, found.head.number) or "the newest seal is not the one that was made"
            found.fault(found.head.number, None, what)
        if not self._is_pruning_told:
            found.fault(found.since.number, None, "older entries were deleted, and no entry says so")
        for entry_id, number in self._redacted.items():
            if entry_id in self._named:
                continue
            if entry_id in in_erasure:
                found.in_erasure += 1
            else:
                found.fault(number, AuditId(UUID(entry_id)), "it was redacted, and no entry of an erasure names it")
        for number in sorted(self._anchors):
            if number > found.since.number:
                found.fault(number, None, "the anchor is newer than the chain, so entries are missing at its end")
        return found

    def _link(self, one: SealedEntry) -> None:
        if gap := _missing(self._before.number, one.seal.number - 1):
            self.found.fault(one.seal.number, one.entry.id, gap)
        elif next_seal(self._before, one.content_sha256) != one.seal:
            self.found.fault(one.seal.number, one.entry.id, "its seal does not fit the one before it")

    def hear(self, entry: SealableEntry) -> None:
        """Notes which entries this one names, also where it has no seal yet."""
        details = msgspec.json.decode(entry.details, type=dict[str, object])
        if entry.action == AuditAction.AUDIT_PRUNED:
            told = (details.get("number"), details.get("sha256"))
            self._is_pruning_told |= told == (self.found.since.number, self.found.since.sha256.hex())
        elif isinstance(named := details.get("redacted"), list):
            self._named.update(map(str, cast("list[object]", named)))

    def _compare(self, seal: AuditSeal, entry_id: AuditId | None) -> None:
        if self._anchors.pop(seal.number, seal.sha256) != seal.sha256:
            self.found.fault(seal.number, entry_id, "its seal is another than the anchor that was kept")


def _missing(before: int, last: int) -> str:
    if last <= before:
        return ""
    return f"entry {last} is missing" if last == before + 1 else f"entries {before + 1} to {last} are missing"


def parse_anchors(text: str) -> list[AuditSeal]:
    """The seals that someone kept: a line each, number and digest, as `callmark audit head` prints it.

    Raises InvalidInput that names the line.
    """
    anchors: list[AuditSeal] = []
    for at, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            number, sha256 = int(words[0]), bytes.fromhex(words[1])
        except (ValueError, IndexError):
            raise InvalidInput(f"line {at} of the anchors is not a number and a digest", field="anchor") from None
        anchors.append(AuditSeal(number, sha256))
    return anchors


def facts_of(seal: AuditSeal) -> Mapping[str, object]:
    """The seal as entries and commands tell it."""
    return {"number": seal.number, "sha256": seal.sha256.hex()}
