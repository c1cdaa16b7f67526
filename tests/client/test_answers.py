"""Bodies of answers that hold what a business once sent, whatever that was."""

import pytest

from callmark.client.answers import decoded
from callmark.client.errors import UnexpectedAnswer
from callmark.client.extensions import Record
from callmark.client.flow import Answer


def answer(body: str) -> Answer:
    return Answer(200, {"content-type": "application/json"}, body.encode())


def test_a_refused_record_with_numbers_that_python_cannot_hold_is_read() -> None:
    long = "9" * 5000
    sent = f'{{"receiver":1e999,"caller":{long},"ends_at":5,"x":-0.5}}'
    found = decoded(answer(f'{{"record_id":"r","batch_id":"b","outcome":"invalid","submitted":{sent}}}'), Record)
    assert found.outcome == "invalid"
    assert found.submitted == {"receiver": "1e999", "caller": long, "ends_at": 5, "x": -0.5}


@pytest.mark.parametrize(
    "body",
    ['{"record_id":', "NaN", '{"record_id":"r","batch_id":NaN}', '{"record_id":"r","batch_id":"b","position":1e999}'],
)
def test_what_is_no_json_or_has_another_shape_is_still_refused(body: str) -> None:
    with pytest.raises(UnexpectedAnswer):
        decoded(answer(body), Record)
