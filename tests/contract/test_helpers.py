"""The comparison and the templates themselves: a runner that lets everything pass would prove nothing."""

import pytest
from tests.contract.matching import differences
from tests.contract.templates import Json, Values, placeholders

UUID = "5c1b9f0e-7d1a-4a55-9a0e-0f6d8c2b4e10"
OTHER = "8e2f7a31-52c4-4b6d-9f10-7a6b5c4d3e2f"


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1}, {"a": 1, "b": None}),
        ({"a": 1, "b": None}, {"a": 1}),
        (1, 1.0),
        (1, True),
        (0, False),
        (1, "1"),
        (None, ""),
        ([], {}),
        ([1], [1, 1]),
        ([1, 2], [2, 1]),
        ({"a": {"b": [{"c": 1}]}}, {"a": {"b": [{"c": 2}]}}),
        ({"$uuid": "x"}, UUID.upper()),
        ({"$uuid": "x"}, UUID + "0"),
        ({"$uuid": "x"}, None),
        ({"$uuid": "x", "not": "seen"}, OTHER),
        ({"$text_with_uuid": "BatchID: ", "save": "x"}, f"batchid: {UUID}"),
        ({"$text_with_uuid": "BatchID: ", "save": "x"}, f"BatchID: {UUID}."),
        ({"$iso": "ms"}, "2026-01-01T10:00:05Z"),
        ({"$iso": "ms"}, "2026-01-01T10:00:05.412345Z"),
        ({"$iso": "us"}, "2026-01-01T10:00:05.412345+00:00"),
        ({"$token64": "x"}, "a" * 63),
        ({"$int": True}, True),
        ({"$text": True}, ""),
        ({"$url": "x"}, "/logos/a.png"),
    ],
)
def test_what_differs_is_told(expected: Json, actual: Json) -> None:
    assert differences(expected, actual, {"seen": OTHER})


def test_what_a_matcher_saves_can_be_named_afterwards() -> None:
    names: dict[str, str] = {}
    expected = {"message": {"$text_with_uuid": "BatchID: ", "save": "batch"}, "id": {"$uuid": "id", "not": "batch"}}
    assert differences(expected, {"message": f"BatchID: {OTHER}", "id": UUID}, names) == []
    assert Values(0, names).fill("{id}/{batch}") == f"{UUID}/{OTHER}"


def test_an_equal_answer_differs_in_nothing() -> None:
    body: Json = {"a": [1, 1.5, None, True, "é"], "b": {}}
    assert differences(body, {"b": {}, "a": [1, 1.5, None, True, "é"]}, {}) == []


def test_a_name_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(LookupError):
        Values(0).fill({"path": "/clients/{acount}"})


def test_templates_become_what_they_say() -> None:
    values = Values(1_000, {"label": UUID})
    assert values.fill({"$ms": "+24h+1ms"}) == 86_401_001
    assert values.fill({"$ms": "-1s"}) == 0
    assert values.fill({"$join": ["a", {"$repeat": "xy", "times": 2}]}) == "axyxy"
    assert values.fill({"$pad_to": 5, "text": "é"}) == "é   "
    assert values.fill({"$times": 2, "of": {"a": 1}}) == [{"a": 1}, {"a": 1}]
    record = values.fill({"$record": "v1", "caller": "1", "label_name": {"$absent": True}, "x": None})
    assert record["caller"] == "1"
    assert record["label_id"] == UUID
    assert record["starts_at"] == 1_000
    assert "label_name" not in record
    assert record["x"] is None


def test_a_record_brings_the_names_it_needs() -> None:
    assert placeholders({"steps": [{"$record": "v2"}]}) == {"label"}
