"""The dry run: the batch route's own words for all faults at once, and the right names for wrong ones."""

from time import process_time
from typing import Any

import msgspec
import pytest
from tests.support.factories import phone
from tests.surfaces.api.extending import CALLER, Business


async def lint(acme: Business, body: object, generation: str = "v2") -> dict[str, Any]:
    path = f"/extensions/v1/clients/{acme.cast.account.id}/lint?generation={generation}"
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    answer = await acme.http.post(path, content=content)
    assert answer.status_code == 200, answer.text
    return answer.json()


def fault(index: int, field: str, code: str, message: str, hint: str = "") -> dict[str, Any]:
    """A fault as the dry run tells it, in the batch route's words."""
    words = {"message": f"Request body is invalid: {message}"} | ({"hint": hint} if hint else {})
    return {"index": index, "field": field, "code": code, **words}


async def test_every_fault_of_every_record_is_told_in_the_words_of_the_batch_route(acme: Business) -> None:
    good = acme.record(phone())
    bad = good | {"receiver_number": "0091 99001-12233", "dynamic_call_reason": "Sale!", "ends_at": "7"}
    seconds = good | {"starts_at": good["starts_at"] // 1000, "ends_at": good["ends_at"] // 1000}
    told = await lint(acme, {"call_records": [good, bad, seconds]})
    assert told["accepted"] is True
    assert told["counts"] == {"records": 3, "good": 1, "faulty": 2, "faults": 5, "warnings": 0}
    reason = "dynamic_call_reason"
    characters = f"{reason} contains characters that are not allowed"
    assert told["faults"] == [
        fault(1, "receiver_number", "phone", "receiver_number is not a valid phone number"),
        fault(1, reason, "reason_length", f"{reason} must be between 10 and 100 characters", "it has 5 characters"),
        fault(1, reason, "reason_characters", characters, "remove '!'"),
        fault(1, "ends_at", "invalid", "ends_at is invalid", "send a number, without quotes"),
        fault(
            2,
            "ends_at",
            "end_past",
            "ends_at cannot be before the current timestamp",
            "this looks like seconds; send milliseconds",
        ),
    ]
    async with acme.deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM batch WHERE account_id = $1", acme.cast.account.id) == 0


async def test_names_of_another_generation_and_misspelt_ones_are_told_with_the_right_ones(acme: Business) -> None:
    v1 = {"caller": CALLER, "receiver": "+919900112233", "labelId": "x", "call_reason": "Your parcel", "zzz": 1}
    told = await lint(acme, {"call_records": [v1], "dry": True})
    names = {one["field"]: one.get("hint") for one in told["warnings"]}
    assert names == {
        "dry": None,
        "caller": "caller_number",
        "receiver": "receiver_number",
        "labelId": "label_id",
        "call_reason": "dynamic_call_reason",
        "zzz": None,
    }
    assert told["warnings"][1] == {
        "index": 0,
        "field": "caller",
        "code": "unknown_field",
        "message": "caller is not a field of v2 and is ignored",
        "hint": "caller_number",
    }
    assert told["faults"][0]["hint"] == "the record has caller; in v2 the field is caller_number"
    as_v1 = await lint(acme, {"call_records": [v1 | {"dynamic_label_name": "Acme"}]}, "v1")
    assert as_v1["faults"][0]["hint"] == "write 919900112233"
    assert as_v1["warnings"][-1]["hint"] == "label_name"
    as_v3 = await lint(acme, {"call_records": [acme.record("+919900112233")]}, "v3")
    assert [one["hint"] for one in as_v3["faults"]] == [f"write +{CALLER}"]


WHOLE = [
    (b"{", "malformed", "malformed JSON"),
    (b"[]", "malformed", "malformed JSON"),
    (b"{}", "required", "call_records is required"),
    (b'{"call_records": {}}', "invalid", "call_records is invalid"),
    (b'{"call_records": []}', "size", "call_records must contain between 1 and 500 records"),
    (b'{"callRecords": []}', "required", "call_records is required"),
]


async def test_a_body_that_is_wrong_as_a_whole_is_a_fault_in_the_answer(
    acme: Business, subtests: pytest.Subtests
) -> None:
    for body, code, message in WHOLE:
        with subtests.test(body=body):
            told = await lint(acme, body)
            (fault,) = told["faults"]
            assert (told["accepted"], fault["index"], fault["code"]) == (False, None, code)
            real = await acme.http.post(f"/v2/clients/{acme.cast.account.id}/dynamic_call_records", content=body)
            assert fault["message"] == real.json()["status_info"]["message"] == f"Request body is invalid: {message}"
            assert ("hint" in fault) == (b"callRecords" in body)


async def test_elements_that_are_no_objects_and_records_too_many_do_not_hide_the_other_faults(acme: Business) -> None:
    told = await lint(acme, {"call_records": [7, {"caller": None}, "x"]}, "v1")
    whole = [(one["index"], one["code"]) for one in told["faults"] if one["field"] == "call_records"]
    assert whole == [(0, "not_an_object"), (2, "not_an_object")]
    assert {one["code"] for one in told["faults"] if one["index"] == 1} == {"required"}
    assert (told["accepted"], told["counts"]["faulty"]) == (False, 3)
    many = await lint(acme, {"call_records": [acme.record(phone())] * 501})
    assert (many["faults"][0]["code"], many["counts"]["records"], many["counts"]["good"]) == ("size", 501, 500)


async def test_a_body_of_nothing_but_unknown_names_does_not_take_long(acme: Business) -> None:
    hostile = {"call_records": [{f"caller_numbe{i}_{j}": 1 for j in range(90)} for i in range(500)]}
    began = process_time()
    told = await lint(acme, hostile)
    assert process_time() - began < 10  # of the processor; unbounded guessing would take half a minute
    assert told["counts"]["warnings"] == 500 * 20


async def test_the_generation_must_be_one_there_is(acme: Business) -> None:
    for query, message in (("", "generation is required"), ("?generation=v4", "generation is invalid")):
        refused = await acme.do(f"lint{query}", {})
        assert (refused.status_code, refused.json()) == (400, {"slug": "invalid-input", "message": message})
