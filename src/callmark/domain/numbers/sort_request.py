"""Which bucket each number of a request goes into: pure.

Source: contract, sections 7.1 and 7.2, D14, D18b, D18c, D25.
"""

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct, field

from callmark.domain.feature_sets.model import FeatureSet
from callmark.domain.ids import FeatureSetId
from callmark.domain.numbers.model import MOST_NUMBERS, Delisted, HeldNumber, NumberState, Published
from callmark.kit.errors import InvalidInput
from callmark.kit.phone import PhoneNumber, parse_loose


class ListingRequest(Struct, frozen=True):
    """What a request names, each once, in its order: phone numbers, and what is none."""

    numbers: list[PhoneNumber] = field(default_factory=list[PhoneNumber])
    invalid: list[str] = field(default_factory=list[str])


def read_request(sent: Sequence[str]) -> ListingRequest:
    """The request's numbers in their canonical form; duplicates count once (contract D14, D25).

    Raises InvalidInput for none, or more than `MOST_NUMBERS`.
    """
    if not 1 <= len(sent) <= MOST_NUMBERS:
        raise InvalidInput(f"phone_numbers must contain between 1 and {MOST_NUMBERS} numbers", field="phone_numbers")
    numbers: dict[PhoneNumber, None] = {}
    invalid: dict[str, None] = {}
    for text in sent:
        if number := parse_loose(text):
            numbers[number] = None
        else:
            invalid[text] = None
    return ListingRequest(list(numbers), list(invalid))


class NumberMoves(Struct, frozen=True):
    """What a publish request does to numbers that someone holds already."""

    taken: list[PhoneNumber]
    """They become pending in this feature set: failed ones sent again or taken over, migrated ones."""
    newly_owned: list[PhoneNumber]
    """Those of `taken` that another account had."""


def sort_published(
    asked: ListingRequest,
    held: Mapping[PhoneNumber, HeldNumber],
    into: FeatureSet,
    created_by_email: str,
    visible: Collection[FeatureSetId] | None,
) -> tuple[Published, NumberMoves]:
    """The answer's buckets, and what is to be done with numbers that are held; those nobody holds are new.

    `visible` are the feature sets that the actor sees (None: the whole account). What the account holds in another one
    is left there, and answered like what another account holds.

    Readings of what the contract leaves open: docs/decisions/0006-numbers-and-jobs.md.
    """
    answer = Published(created_by_email, into.phone_type, invalid=list(asked.invalid))
    moves = NumberMoves([], [])
    among = None if visible is None else frozenset(visible)
    for number in asked.numbers:
        holds = held.get(number)
        if holds is None:
            bucket = answer.new
        elif among is not None and holds.account_id == into.account_id and holds.feature_set_id not in among:
            bucket = answer.others
        else:
            bucket = _bucket_to_publish(answer, holds, into)
        bucket.append(number)
        if holds is not None and (bucket is answer.new or bucket is answer.updated or bucket is answer.migrated):
            moves.taken.append(number)
            if holds.account_id != into.account_id:
                moves.newly_owned.append(number)
    return answer, moves


def _bucket_to_publish(answer: Published, holds: HeldNumber, into: FeatureSet) -> list[str]:
    if holds.account_id != into.account_id:
        return answer.new if holds.state is NumberState.FAILED else answer.others
    if holds.state is NumberState.DELISTING:
        return answer.delisted
    if holds.state is NumberState.FAILED:
        return answer.updated
    if holds.feature_set_id == into.id:
        return answer.existing
    if holds.is_number_group and not into.is_number_group:
        return answer.migrated
    return answer.other_phone_type if holds.phone_type is not into.phone_type else answer.other_feature_set


def sort_delisted(asked: ListingRequest, held: Mapping[PhoneNumber, HeldNumber], out_of: FeatureSet) -> Delisted:
    """The answer's buckets; those in `existing` are to be delisted."""
    answer = Delisted(invalid=list(asked.invalid))
    for number in asked.numbers:
        holds = held.get(number)
        (answer.new if holds is None else _bucket_to_delist(answer, holds, out_of)).append(number)
    return answer


def _bucket_to_delist(answer: Delisted, holds: HeldNumber, out_of: FeatureSet) -> list[str]:
    if holds.account_id != out_of.account_id:
        return answer.new if holds.state is NumberState.FAILED else answer.others
    if holds.feature_set_id == out_of.id:
        return answer.processing if holds.state is NumberState.DELISTING else answer.existing
    return answer.other_phone_type if holds.phone_type is not out_of.phone_type else answer.other_feature_set
