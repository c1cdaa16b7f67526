"""Questions as they are written, answers as they are judged, and the documented payload, byte for byte."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from callmark.domain.calls.model import CallEvent
from callmark.domain.feedback.model import (
    CallType,
    Campaign,
    CampaignState,
    CampaignType,
    Feedback,
    NewQuestion,
    Question,
    QuestionAnswer,
    QuestionKind,
    StoredAnswer,
    average_text,
    campaign_name,
    check_questions,
    checked_call_types,
    fits,
    made_question,
    payload_of,
    responses_to,
    result_of,
)
from callmark.domain.ids import AccountId, CallId, CampaignId, FeatureSetId, FeedbackId, QuestionId
from callmark.kit.errors import InvalidInput
from callmark.kit.phone import PhoneNumber

NOW = datetime(2026, 1, 1, 10, 0, 5, tzinfo=UTC)
ID = UUID(int=7)
ON_TIME = Question(QuestionId(UUID(int=1)), "Did the courier arrive on time?", QuestionKind.CHOICE, ("Yes", "No"))
REMARK = Question(QuestionId(UUID(int=2)), "Anything else?", QuestionKind.TEXT)
RATING = Question(QuestionId(UUID(int=3)), "How would you rate this call?", QuestionKind.RATING)
QUESTIONS = CampaignType.QUESTIONS


def campaign(kind: CampaignType, *questions: Question) -> Campaign:
    return Campaign(
        id=CampaignId(UUID("a0b1c2d3-e4f5-4678-89ab-cdef01234567")),
        account_id=AccountId(ID),
        feature_set_id=FeatureSetId(ID),
        name="Delivery check",
        campaign_type=kind,
        call_types=frozenset(CallType),
        questions=questions,
        state=CampaignState.LIVE,
        created_by_email="alice@acme.example",
        created_at=NOW,
        updated_at=NOW,
        live_at=NOW,
        ended_at=None,
    )


def feedback(call_type: CallType, *responses: StoredAnswer) -> Feedback:
    return Feedback(
        id=FeedbackId(ID),
        account_id=AccountId(ID),
        campaign_id=CampaignId(ID),
        receiver_number=PhoneNumber("919900112233"),
        call_id=CallId(ID),
        business_number=PhoneNumber("918040001234"),
        call_type=call_type,
        responded_at=NOW,
        responses=responses,
    )


def test_the_payload_of_questions_is_the_proposed_one() -> None:
    answered = feedback(CallType.ANSWERED, StoredAnswer(ON_TIME.id, ON_TIME.text, "Yes"))
    payload = payload_of(answered, campaign(QUESTIONS, ON_TIME), "Delivery default", is_number_group=False)
    assert msgspec.json.encode(payload).decode() == (
        '{"business_number":"918040001234","feature_set":"Delivery default","client_number":"919900112233",'
        '"campaign_id":"a0b1c2d3-e4f5-4678-89ab-cdef01234567","campaign_name":"Delivery check",'
        '"campaign_type":"questions","call_type":"answered","responded_at":"1767261605",'
        '"responses":[{"question_id":"00000000-0000-0000-0000-000000000001",'
        '"question":"Did the courier arrive on time?","answer":"Yes"}]}'
    )


def test_the_payload_of_a_rating_has_the_rating_as_a_text() -> None:
    answered = feedback(CallType.MISSED, *responses_to([RATING], [QuestionAnswer(RATING.id, "4")]))
    payload = payload_of(answered, campaign(CampaignType.CALL_RATING, RATING), "Old numbers", is_number_group=True)
    assert msgspec.json.encode(payload).decode() == (
        '{"business_number":"918040001234","number_group":"Old numbers","client_number":"919900112233",'
        '"campaign_id":"a0b1c2d3-e4f5-4678-89ab-cdef01234567","campaign_name":"Delivery check",'
        '"campaign_type":"call_rating","call_type":"missed","responded_at":"1767261605",'
        '"responses":[{"question_id":"00000000-0000-0000-0000-000000000003",'
        '"question":"How would you rate this call?","answer":"4"}]}'
    )


def test_a_question_with_options_is_a_choice_and_one_without_takes_free_text() -> None:
    assert made_question(QUESTIONS, NewQuestion(" On time? ", [" Yes", "No "]), ON_TIME.id) == Question(
        ON_TIME.id, "On time?", QuestionKind.CHOICE, ("Yes", "No")
    )
    assert made_question(QUESTIONS, NewQuestion("Anything else?"), REMARK.id) == REMARK
    assert made_question(CampaignType.CALL_RATING, NewQuestion(RATING.text), RATING.id) == RATING


@pytest.mark.parametrize(
    ("kind", "new"),
    [
        (QUESTIONS, NewQuestion(" ")),
        (QUESTIONS, NewQuestion("x" * 201)),
        (QUESTIONS, NewQuestion("two\nlines")),
        (QUESTIONS, NewQuestion("One option?", ["Yes"])),
        (QUESTIONS, NewQuestion("Too many?", [str(number) for number in range(11)])),
        (QUESTIONS, NewQuestion("The same?", ["Yes", "yes"])),
        (QUESTIONS, NewQuestion("The same?", ["Very good", "Very\u00a0 good"])),
        (QUESTIONS, NewQuestion("The same?", ["Caf\u00e9", "Cafe\u0301"])),
        (QUESTIONS, NewQuestion("Empty?", ["Yes", ""])),
        (QUESTIONS, NewQuestion("Long?", ["Yes", "x" * 101])),
        (CampaignType.CALL_RATING, NewQuestion("Good?", ["Yes", "No"])),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(kind: CampaignType, new: NewQuestion) -> None:
    with pytest.raises(InvalidInput):
        made_question(kind, new, ON_TIME.id)


def test_a_campaign_has_ten_questions_at_most_and_a_rating_one() -> None:
    many = [Question(QuestionId(UUID(int=number)), f"Why {number}?", QuestionKind.TEXT) for number in range(11)]
    check_questions(QUESTIONS, many[:10])
    for kind, too_many in ((QUESTIONS, many), (CampaignType.CALL_RATING, many[:2]), (QUESTIONS, [REMARK, REMARK])):
        with pytest.raises(InvalidInput):
            check_questions(kind, too_many)


def test_questions_look_different_and_what_was_stored_before_that_rule_blocks_no_other_change() -> None:
    twins = [REMARK, Question(QuestionId(UUID(int=9)), "Anything\u00a0else?", QuestionKind.TEXT)]
    with pytest.raises(InvalidInput, match="two questions have the same text"):
        check_questions(QUESTIONS, twins)
    check_questions(QUESTIONS, twins, twins)
    for fewer in ([*twins, ON_TIME], [ON_TIME, *reversed(twins)], twins[1:], [*twins, ON_TIME][1:]):
        check_questions(QUESTIONS, fewer, [*twins, REMARK])
    triplet = msgspec.structs.replace(REMARK, id=QuestionId(UUID(int=8)))
    for more in ([*twins, triplet], [ON_TIME, twins[1], triplet, REMARK]):
        with pytest.raises(InvalidInput, match="same text"):
            check_questions(QUESTIONS, more, [*twins, ON_TIME])
    made_question(QUESTIONS, NewQuestion("Which?", ["S\u0131n\u0131r", "Sinir"]), ON_TIME.id)  # border and nerve
    old = Question(ON_TIME.id, ON_TIME.text, QuestionKind.CHOICE, ("Very good", "Very  good"))
    assert made_question(QUESTIONS, NewQuestion("Were we on time?", old.options, old.id), old.id, old).options == (
        old.options
    )
    with pytest.raises(InvalidInput, match="different from each other"):
        made_question(QUESTIONS, NewQuestion(old.text, [*old.options, "No"], old.id), old.id, old)


def test_a_campaign_has_a_name_and_asks_after_some_calls() -> None:
    assert campaign_name(" Delivery check ") == "Delivery check"
    for name in ("", "x" * 101):
        with pytest.raises(InvalidInput):
            campaign_name(name)
    with pytest.raises(InvalidInput):
        checked_call_types(frozenset())


def test_answers_come_in_the_order_of_the_questions_and_some_may_be_left_out() -> None:
    remark = "  Ring twice!\nThanks 🙏 "
    answers = [QuestionAnswer(REMARK.id, remark), QuestionAnswer(ON_TIME.id, "No")]
    assert responses_to([ON_TIME, REMARK], answers) == (
        StoredAnswer(ON_TIME.id, ON_TIME.text, "No"),
        StoredAnswer(REMARK.id, REMARK.text, remark),
    )
    assert len(responses_to([ON_TIME, REMARK], answers[:1])) == 1


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([], "answers is required"),
        ([QuestionAnswer(ID, "Yes")], "not in this campaign"),
        ([QuestionAnswer(ON_TIME.id, "Yes"), QuestionAnswer(ON_TIME.id, "No")], "twice"),
        ([QuestionAnswer(ON_TIME.id, "yes")], "not one of the question's options"),
        ([QuestionAnswer(ON_TIME.id, "")], "not one of the question's options"),
        ([QuestionAnswer(RATING.id, "0")], "rating from 1 to 5"),
        ([QuestionAnswer(RATING.id, "4.5")], "rating from 1 to 5"),
        ([QuestionAnswer(REMARK.id, " \n")], "answer is required"),
        ([QuestionAnswer(REMARK.id, "x" * 1001)], "at most 1000"),
        ([QuestionAnswer(REMARK.id, "\0")], "cannot be stored"),
        ([QuestionAnswer(REMARK.id, "\ud800")], "cannot be stored"),
    ],
)
def test_answers_that_do_not_fit_are_refused(answers: list[QuestionAnswer], why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as refused:
        responses_to([ON_TIME, REMARK, RATING], answers)
    assert refused.value.field == "answers"


def test_the_longest_answer_is_taken() -> None:
    assert responses_to([REMARK], [QuestionAnswer(REMARK.id, "x" * 1000)])[0].answer == "x" * 1000


def test_a_rejected_call_counts_as_missed_and_one_without_an_outcome_as_neither() -> None:
    assert {(event, kind) for event in (*CallEvent, None) for kind in CallType if fits(event, kind)} == {
        (CallEvent.ANSWERED, CallType.ANSWERED),
        (CallEvent.MISSED, CallType.MISSED),
        (CallEvent.REJECTED, CallType.MISSED),
    }


def test_results_name_every_option_and_a_ratings_average() -> None:
    assert result_of(ON_TIME, {"Yes": 3}, 3).counts == {"Yes": 3, "No": 0}
    rated = result_of(RATING, {"5": 1, "4": 1}, 2)
    assert (rated.counts, rated.average) == ({"1": 0, "2": 0, "3": 0, "4": 1, "5": 1}, 4.5)
    assert result_of(RATING, {}, 0).average is None
    remarks = result_of(REMARK, {"": 2}, 2)
    assert (remarks.answered, remarks.counts, remarks.average) == (2, {}, None)


@pytest.mark.parametrize(
    ("counts", "stars", "exact"),
    [
        ({"5": 20}, "5.0", "5.00"),
        ({"5": 20, "4": 1}, "4.9", "4.95"),
        ({"5": 999, "4": 1}, "4.9", "4.99"),
        ({"4": 2, "5": 1}, "4.3", "4.33"),
        ({"1": 3}, "1.0", "1.00"),
    ],
)
def test_an_average_is_never_nicer_than_the_truth(counts: dict[str, int], stars: str, exact: str) -> None:
    average = result_of(RATING, counts, sum(counts.values())).average
    assert average is not None
    assert (average_text(average, 1), average_text(average, 2)) == (stars, exact)
