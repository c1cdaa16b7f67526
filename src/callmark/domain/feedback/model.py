"""User Feedback: campaigns, their questions, and what receivers answer (contract 9.6, 12.4, D22)."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from callmark.domain.calls.model import CallEvent
from callmark.domain.events.model import epoch_text
from callmark.domain.ids import AccountId, CallId, CampaignId, FeatureSetId, FeedbackId, QuestionId
from callmark.kit.errors import InvalidInput
from callmark.kit.phone import PhoneNumber
from callmark.kit.text import clean_line
from callmark.record_rules.same_names import looks

LONGEST_NAME = 100
LONGEST_QUESTION = 200
LONGEST_OPTION = 100
LONGEST_ANSWER = 1_000
MOST_QUESTIONS = 10
FEWEST_OPTIONS, MOST_OPTIONS = 2, 10
"""Assumption: no page gives these figures; they are what a phone's screen and a patient receiver bear."""

RATINGS = ("1", "2", "3", "4", "5")
DEFAULT_RATING_QUESTION = "How would you rate this call?"


class CampaignType(StrEnum):
    """One question about the call as a whole, or several of the business's own."""

    CALL_RATING = "call_rating"
    QUESTIONS = "questions"


class CallType(StrEnum):
    """After which calls a campaign asks. A rejected call counts as missed."""

    ANSWERED = "answered"
    MISSED = "missed"


class CampaignState(StrEnum):
    """A campaign's life: draft (only then it changes) → live → ended."""

    DRAFT = "draft"
    LIVE = "live"
    ENDED = "ended"


class QuestionKind(StrEnum):
    """How a question is answered: one of its options, free text, or (call rating) 1 to 5."""

    CHOICE = "choice"
    TEXT = "text"
    RATING = "rating"


class Question(msgspec.Struct, frozen=True):
    """A campaign's question, as it is stored and sent to handsets."""

    id: Annotated[QuestionId, Meta(description="Its id.")]
    text: Annotated[str, Meta(description="The question.")]
    kind: Annotated[QuestionKind, Meta(description="How the question is answered.")]
    options: Annotated[
        tuple[str, ...], Meta(description="What a choice chooses from, 2 to 10 different ones; empty for other kinds.")
    ] = ()


class NewQuestion(Struct, frozen=True):
    """A question as people write it: with options it is a choice, without them answered in free text.

    `id` is that of a question the draft has already, to keep it; None for a new one.
    """

    text: str
    options: Sequence[str] = ()
    id: QuestionId | None = None


class Campaign(Struct, frozen=True):
    """A campaign of a feature set or number group. A call rating has one question of its own kind."""

    id: CampaignId
    account_id: AccountId
    feature_set_id: FeatureSetId
    name: str
    campaign_type: CampaignType
    call_types: frozenset[CallType]
    questions: tuple[Question, ...]
    state: CampaignState
    created_by_email: str
    created_at: datetime
    updated_at: datetime
    live_at: datetime | None
    ended_at: datetime | None

    @property
    def asked(self) -> list[str]:
        """After which calls it asks, and what: that no longer changes once it is live."""
        asked = [msgspec.json.encode((one.kind, one.text, one.options)).decode() for one in self.questions]
        return [*sorted(self.call_types), *asked]

    @property
    def lost(self) -> list[str]:
        """What a deletion takes: only a campaign that was live has answers."""
        return [self.state, *self.asked]


class CampaignFilter(Struct, frozen=True):
    """What a list of campaigns is narrowed to; an empty part narrows nothing.

    `text` is part of the campaign's name, or of its feature set's.
    """

    text: str = ""
    state: CampaignState | None = None
    campaign_type: CampaignType | None = None
    feature_set_id: FeatureSetId | None = None


ANY_CAMPAIGN = CampaignFilter()


class CampaignOffer(Struct, frozen=True):
    """What the screen may ask after a call of one type."""

    campaign_id: CampaignId
    campaign_name: str
    campaign_type: CampaignType
    questions: tuple[Question, ...]


class QuestionAnswer(Struct, frozen=True):
    """What a receiver says to one question."""

    question_id: UUID
    answer: str


class StoredAnswer(msgspec.Struct, frozen=True):
    """An answer beside its question, as the event shows it: keys in the documented order."""

    question_id: QuestionId
    question: str
    answer: str


class Feedback(Struct, frozen=True):
    """What a receiver answered after one call; `responses` in the order of the questions."""

    id: FeedbackId
    account_id: AccountId
    campaign_id: CampaignId
    receiver_number: PhoneNumber
    call_id: CallId
    business_number: PhoneNumber
    call_type: CallType
    responded_at: datetime
    responses: tuple[StoredAnswer, ...]


class QuestionResult(Struct, frozen=True):
    """What a question was answered: `counts` by option or rating (all of them, 0 too); empty for free text.

    `average` is that of a rating, None before the first one and for other kinds.
    """

    question: Question
    answered: int
    counts: Mapping[str, int]
    average: float | None


class CampaignResults(Struct, frozen=True):
    """How a campaign was answered: by how many calls, of which type, and question by question in their order."""

    campaign: Campaign
    answered: int
    by_call_type: Mapping[CallType, int]
    questions: tuple[QuestionResult, ...]


def campaign_name(text: str) -> str:
    """A campaign's name as it is stored: outer spaces dropped, 1 to 100 characters. Raises InvalidInput."""
    return clean_line(text, "name", longest=LONGEST_NAME, what="campaign name")


def checked_call_types(call_types: frozenset[CallType]) -> frozenset[CallType]:
    """The call types, of which there must be one. Raises InvalidInput."""
    if not call_types:
        raise InvalidInput("call_types is required", field="call_types")
    return call_types


def made_question(
    kind: CampaignType, new: NewQuestion, question_id: QuestionId, old: Question | None = None
) -> Question:
    """A question of a campaign of that type, as it is stored under the id. Raises InvalidInput.

    What `old`, the question before the change, has already is not judged again. Options must look different: people
    choose between them, and figures are counted by them.
    """
    known = {old.text, *old.options} if old else set[str]()
    text = _wording(new.text, "question", LONGEST_QUESTION, known)
    options = tuple(_wording(option, "option", LONGEST_OPTION, known) for option in new.options)
    if kind is CampaignType.CALL_RATING:
        if options:
            raise InvalidInput(
                "a call rating has no options; it is answered with a number from 1 to 5", field="questions"
            )
        return Question(question_id, text, QuestionKind.RATING)
    if not options:
        return Question(question_id, text, QuestionKind.TEXT)
    if not FEWEST_OPTIONS <= len(options) <= MOST_OPTIONS:
        raise InvalidInput(f"a question must have {FEWEST_OPTIONS} to {MOST_OPTIONS} options", field="questions")
    if (old is None or options != old.options) and len(set(map(looks, options))) < len(options):
        raise InvalidInput("the options of a question must be different from each other", field="questions")
    return Question(question_id, text, QuestionKind.CHOICE, options)


def check_questions(kind: CampaignType, questions: Sequence[Question], old: Sequence[Question] = ()) -> None:
    """Raises InvalidInput for more questions than a campaign of that type may have, or one question twice.

    Also for a text that is not of `old`, the questions before the change, and looks the same as another one.
    """
    most = 1 if kind is CampaignType.CALL_RATING else MOST_QUESTIONS
    if len(questions) > most:
        raise InvalidInput(
            f"a campaign of this type can have at most {most} question{'s' * (most > 1)}", field="questions"
        )
    if len({question.id for question in questions}) < len(questions):
        raise InvalidInput("the same question appears twice", field="questions")
    left = Counter(question.text for question in old)
    seen = Counter(looks(question.text) for question in questions)
    for question in questions:
        left[question.text] -= 1
        if left[question.text] < 0 and seen[looks(question.text)] > 1:
            raise InvalidInput("two questions have the same text", field="questions")


def in_order(questions: Sequence[Question], order: Sequence[QuestionId]) -> tuple[Question, ...]:
    """The questions in this order, which names each of them once. Raises InvalidInput."""
    by_id = {question.id: question for question in questions}
    if len(order) != len(by_id) or set(order) != set(by_id):
        raise InvalidInput("the order must list each question of the campaign exactly once", field="order")
    return tuple(by_id[question_id] for question_id in order)


def _wording(text: str, field: str, longest: int, known: Collection[str]) -> str:
    return text if text in known else clean_line(text, field, longest=longest)


def responses_to(questions: Sequence[Question], answers: Sequence[QuestionAnswer]) -> tuple[StoredAnswer, ...]:
    """The answers beside their questions, in the order of these. Raises InvalidInput about `answers`.

    Every question may be left out, but not all of them. Assumption: no page says which must be answered.
    """
    given = {answer.question_id: answer.answer for answer in answers}
    if not answers:
        raise InvalidInput("answers is required", field="answers")
    if len(given) < len(answers):
        raise InvalidInput("answers name a question twice", field="answers")
    if not given.keys() <= {question.id for question in questions}:
        raise InvalidInput("answers name a question that is not in this campaign", field="answers")
    return tuple(
        StoredAnswer(question.id, question.text, _checked(question, given[question.id]))
        for question in questions
        if question.id in given
    )


def _checked(question: Question, answer: str) -> str:
    """The answer, as it was given; free text may be of any kind, several lines too."""
    match question.kind:
        case QuestionKind.CHOICE if answer not in question.options:
            raise InvalidInput("answer is not one of the question's options", field="answers")
        case QuestionKind.RATING if answer not in RATINGS:
            raise InvalidInput("answer must be a rating from 1 to 5", field="answers")
        case QuestionKind.TEXT if not answer.strip():
            raise InvalidInput("answer is required", field="answers")
        case QuestionKind.TEXT if len(answer) > LONGEST_ANSWER:
            raise InvalidInput(f"answer must be at most {LONGEST_ANSWER} characters", field="answers")
        case QuestionKind.TEXT if "\0" in answer or not _is_whole(answer):
            raise InvalidInput("answer contains characters that cannot be stored", field="answers")
        case _:
            return answer


def _is_whole(text: str) -> bool:
    """Whether it has no half characters, which JSON and databases refuse."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


ENDS_AS = {
    CallType.ANSWERED: (CallEvent.ANSWERED,),
    CallType.MISSED: (CallEvent.MISSED, CallEvent.REJECTED),
}
"""How calls of each type end."""


def fits(outcome: CallEvent | None, call_type: CallType) -> bool:
    """Whether a call that ended so is one of that type."""
    return outcome in ENDS_AS[call_type]


def payload_of(
    feedback: Feedback, campaign: Campaign, feature_set_name: str, *, is_number_group: bool
) -> Mapping[str, object]:
    """The `user_feedback_payload`, keys in the order of section 9.6; of a number group, with its name as in 9.5."""
    return {
        "business_number": feedback.business_number,
        "number_group" if is_number_group else "feature_set": feature_set_name,
        "client_number": feedback.receiver_number,
        "campaign_id": str(campaign.id),
        "campaign_name": campaign.name,
        "campaign_type": campaign.campaign_type.value,
        "call_type": feedback.call_type.value,
        "responded_at": epoch_text(feedback.responded_at),
        "responses": feedback.responses,
    }


def result_of(question: Question, counts: Mapping[str, int], answered: int) -> QuestionResult:
    """A question's result from how often each answer was given (of a choice or rating)."""
    possible = RATINGS if question.kind is QuestionKind.RATING else question.options
    whole = {option: counts.get(option, 0) for option in possible}
    average = None
    if question.kind is QuestionKind.RATING and answered:
        average = sum(int(rating) * count for rating, count in whole.items()) / answered
    return QuestionResult(question, answered, whole, average)


def average_text(average: float, places: int) -> str:
    """An average rating with `places` decimals, never nicer than the truth: only fives are `5.0`, and 4.99 is `4.9`."""
    highest = float(RATINGS[-1])
    shown = min(average, highest - 10**-places) if average < highest else average
    return f"{shown:.{places}f}"
