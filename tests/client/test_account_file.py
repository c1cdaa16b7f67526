"""The file of an account: what is refused with which words, and what a plan says without any server."""

import io
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image
from tests.client.virtual import Played, answer, body_of, headers_of, replies

from callmark.client.account_file import make_plan
from callmark.client.account_file.applying import apply_plan
from callmark.client.account_file.entries import AccountFile
from callmark.client.account_file.exporting import as_yaml, export
from callmark.client.account_file.parsing import parse
from callmark.client.account_file.pictures import pixels
from callmark.client.account_file.plans import (
    AccountPlan,
    ApiStep,
    Phase,
    Pictures,
    PresentAccount,
    Ref,
    campaign_key,
    label_key,
    reason_key,
    unit_key,
)
from callmark.client.account_file.reading import read_file
from callmark.client.account_file.typed_values import FileFaults, read_entries
from callmark.client.cli.plan_text import plan_item, plan_lines, without_secrets
from callmark.client.errors import APIConnectionError, CallmarkError

UNFOLDING = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{one}: &{one} [{', '.join([f'*{before}'] * 10)}]\n" for before, one in zip("abcdef", "bcdefg", strict=True)
)
"""A hundred million values, if it were unfolded."""


def entries(text: str, *, is_json: bool = False) -> AccountFile:
    return read_entries(parse(text, is_json=is_json))


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (
            "labels:\n  - name: Acme\n    lable_type: static\n",
            [
                "line 3, labels[1].lable_type: there is no key 'lable_type' here; do you mean label_type?",
                "line 2, labels[1]: label_type is missing",
            ],
        ),
        ("labels:\n- {name: A, label_type: statik}", ["label_type: statik is not possible; do you mean static?"]),
        ("webhook: []", ["line 1, webhook: there is no key 'webhook' here; do you mean webhooks?"]),
        ("labels: {}", ["line 1, labels: must be a list"]),
        ("- labels", ["line 1: must have keys and values"]),
        ("webhooks: [{name: CRM, paused: yes}]", ["line 1, webhooks[1].paused: must be true or false"]),
        ("labels: [{name: A, label_type: static, sub_category: 5.3}]", ["sub_category: must be a whole number"]),
        ("call_reasons: [null]", ["line 1, call_reasons[1]: must be a text"]),
        ("call_reasons: ['']", ["line 1, call_reasons[1]: must be a text"]),
    ],
)  # fmt: skip
def test_each_mistake_has_its_line_and_the_nearest_right_word(text: str, faults: list[str]) -> None:
    with pytest.raises(FileFaults) as caught:
        entries(text)
    assert len(caught.value.faults) == len(faults)
    for told, fault in zip(caught.value.faults, faults, strict=True):
        assert fault in told


@pytest.mark.parametrize(
    ("text", "is_json", "why"),
    [
        ("labels: []\nlabels: []", False, "line 2: the key 'labels' is there twice"),
        ('{"labels": [], "labels": []}', True, "the key 'labels' is there twice"),
        ("labels: [", False, "line 2, column 1"),
        ('{"labels": [}', True, "line 1, column 13"),
        ("[1]: 2", False, "line 1: a key must be a text"),
        (UNFOLDING, False, "too large or nested too deeply"),
        ("a: &a [*a]", False, "too large or nested too deeply"),
        ("[" * 3000, False, ""),
        ("[" * 100_000, True, ""),
    ],
)  # fmt: skip
def test_a_text_that_cannot_be_read_says_where(text: str, is_json: bool, why: str) -> None:
    with pytest.raises(CallmarkError) as caught:
        parse(text, is_json=is_json)
    assert why in str(caught.value)


def test_a_plain_scalar_is_what_its_field_is() -> None:
    found = entries("departments: [{name: no}, {name: 0123}, {name: 2024-01-01}, {name: 12:30}]\ncall_reasons: [yes]")
    assert isinstance(found.departments, list)
    assert [one.name for one in found.departments] == ["no", "0123", "2024-01-01", "12:30"]
    assert found.call_reasons == ["yes"]
    assert entries("") == AccountFile()


@pytest.mark.parametrize("colours", [2, 4, 16])
def test_a_palette_of_few_colours_is_read(colours: int) -> None:
    image, out = picture("RGB").convert("P", palette=Image.Palette.ADAPTIVE, colors=colours), io.BytesIO()
    image.save(out, "PNG")
    assert pixels(out.getvalue())[2] == image.convert("RGBA").tobytes()


def picture(mode: str) -> Image.Image:
    """A small picture that is not even, with transparency where the mode has it."""
    image = Image.new("RGBA", (24, 17))
    for x in range(24):
        for y in range(17):
            image.putpixel((x, y), (x * 10, y * 15, (x * y) % 256, 255 if (x + y) % 3 else 90))
    if mode == "P":
        return image.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE)
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P"])
def test_pixels_are_read_as_pillow_reads_them(mode: str) -> None:
    image, out = picture(mode), io.BytesIO()
    image.save(out, "PNG")
    assert pixels(out.getvalue()) == (24, 17, image.convert("RGBA").tobytes())


@pytest.mark.parametrize("transparent", [(10, 0, 0), 3])
def test_the_one_transparent_colour_is_read(transparent: object) -> None:
    image, out = picture("P" if isinstance(transparent, int) else "RGB"), io.BytesIO()
    image.save(out, "PNG", transparency=transparent)
    with Image.open(io.BytesIO(out.getvalue())) as again:
        assert pixels(out.getvalue())[2] == again.convert("RGBA").tobytes()


TURNED = bytes.fromhex("4d4d002a 00000008 0001 0112 0003 00000001 0006 0000 00000000")
"""Exif that says: turn it by a quarter."""


def with_chunk(png: bytes, kind: bytes, data: bytes) -> bytes:
    return png[:33] + struct.pack(">I", len(data)) + kind + data + bytes(4) + png[33:]


def test_what_cannot_be_compared_says_why(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("I;16", (200, 200)).save(out, "PNG")
    whole = io.BytesIO()
    Image.new("RGB", (200, 200)).save(whole, "PNG")
    for png, why in (
        (out.getvalue(), "only an 8-bit PNG"),
        (whole.getvalue()[:-40], "damaged"),
        (b"GIF89a", "not a PNG"),
        (with_chunk(whole.getvalue(), b"eXIf", TURNED), "turn it"),
        (with_chunk(whole.getvalue(), b"gAMA", (100_000).to_bytes(4, "big")), "not those of sRGB"),
        (with_chunk(whole.getvalue(), b"cICP", b"\x09\x10\0\1"), "not those of sRGB"),
        (with_chunk(whole.getvalue(), b"iCCP", b""), "a colour profile"),
    ):
        (tmp_path / "logo.png").write_bytes(png)
        (tmp_path / "a.json").write_text('{"labels": [{"name": "A", "label_type": "static", "logo": "logo.png"}]}')
        with pytest.raises(FileFaults, match="label A: the logo logo.png cannot be used: .*" + why):
            read_file(tmp_path / "a.json")


def test_numbers_are_read_as_people_write_them_and_the_others_are_told(tmp_path: Path) -> None:
    (tmp_path / "numbers.txt").write_text("+91 80 4000 1234\nnobody\n")
    tree = (
        {"numbers": ["+91 80 4000-1234", "918040001234", "12"]},
        {"numbers_file": "numbers.txt"},
        {"numbers_file": "x"},
    )
    sets = [{"name": str(at), **one} for at, one in enumerate(tree)]
    (tmp_path / "a.json").write_bytes(msgspec.json.encode(structure(feature_sets=sets)))
    with pytest.raises(FileFaults) as caught:
        read_file(tmp_path / "a.json")
    first, second, third = caught.value.faults
    assert first.startswith("feature set D / Delivery / P / 0: '12' is no phone number")
    assert "numbers.txt, line 2: 'nobody'" in second
    assert "cannot read x: No such file" in third


def structure(**process: Any) -> dict[str, Any]:
    """A file with one process."""
    operation = {"name": "Delivery", "processes": [{"name": "P", **process}]}
    return {"departments": [{"name": "D", "operations": [operation]}]}


def planned(wanted: dict[str, Any], present: dict[str, Any], *, prune: bool = False, **known: Any) -> AccountPlan:
    there = PresentAccount(
        msgspec.convert(present, AccountFile), calling_operations={"Delivery": "id", "Sales": "id"}, **known
    )
    return make_plan(msgspec.convert(wanted, AccountFile), there, Pictures(), prune=prune)


def test_what_others_need_is_made_first_and_deleted_last() -> None:
    sets = [{"name": "S", "label": "L", "status": "published", "numbers": ["918040001234"]}]
    wanted = structure(feature_sets=sets) | {"labels": [{"name": "L", "label_type": "static"}], "webhooks": []}
    present = {
        "departments": [{"name": "Old", "operations": [{"name": "Sales"}]}],
        "labels": [{"name": "O", "label_type": "static"}],
        "webhooks": [{"name": "W"}],
    }
    found = planned(wanted, present, prune=True)
    order = [(one.method, one.path[0]) for one in found.steps if isinstance(one, ApiStep)]
    assert order == [
        ("DELETE", "webhooks"),
        ("POST", "labels"),
        ("POST", "departments"),
        ("POST", "departments"),
        ("POST", "operations"),
        ("POST", "feature_sets"),
        ("DELETE", "operations"),
        ("DELETE", "departments"),
        ("DELETE", "labels"),
    ]
    assert (found.count("create"), found.count("delete")) == (5, 4)


def test_a_list_that_is_left_out_is_not_looked_at() -> None:
    present = structure(feature_sets=[{"name": "S", "status": "draft"}]) | {"call_reasons": ["Your parcel arrives"]}
    assert planned({}, present, prune=True) == AccountPlan()
    assert planned(structure(), present, prune=True) == AccountPlan()
    assert planned(structure(feature_sets=[]), present).kept == [("feature set", "D / Delivery / P / S")]
    assert planned({"departments": []}, present).kept == [("department", "D")]


def test_names_that_differ_by_case_are_the_same_thing_and_renamed() -> None:
    found = planned({"departments": [{"name": "retail"}]}, {"departments": [{"name": "Retail"}]})
    (change,) = found.changes
    assert (change.action, change.fields[0].before, change.fields[0].after) == ("change", "Retail", "retail")
    assert found.steps == [
        ApiStep(Phase.DEPARTMENTS, "PATCH", ("departments", Ref(unit_key("RETAIL"))), {"name": "retail"})
    ]


def test_names_that_are_the_same_text_in_two_forms_of_unicode_are_the_same_thing() -> None:
    one, other = structure(name="Caf\u00e9"), structure(name="Cafe\u0301")
    for file in (one, other):
        file["webhooks"] = [{"name": file["departments"][0]["operations"][0]["processes"][0]["name"]}]
    found = planned(one, other, prune=True)
    assert [(change.action, change.what) for change in found.changes] == [("change", "process"), ("change", "webhook")]


def test_a_thing_that_is_twice_in_the_file_is_a_fault() -> None:
    for twice in ("a ", "A\u00a0"):
        found = planned({"departments": [{"name": "A"}, {"name": twice}]}, {})
        assert found.faults == [f"department {twice} is there twice"]
    sets = [{"name": name, "label": "L", "numbers": ["918040001234"]} for name in "ST"]
    found = planned(structure(feature_sets=sets) | {"labels": [{"name": "L", "label_type": "static"}]}, {})
    assert (
        "the number 918040001234 is in two feature sets: D / Delivery / P / S and D / Delivery / P / T" in found.faults
    )


def test_two_of_one_name_are_a_fault_only_where_the_file_means_them() -> None:
    present = {"labels": [{"name": "L", "label_type": "static"}] * 2}
    twins = {label_key("static", "L"): "label L: the account has two"}
    assert planned({"labels": []}, present, twins=twins).faults == []
    assert planned({"labels": []}, present, twins=twins, prune=True).faults == ["label L: the account has two"]
    assert planned({"labels": present["labels"][:1]}, present, twins=twins).faults == ["label L: the account has two"]


def test_a_request_whose_answer_was_lost_is_sent_again_as_the_same() -> None:
    wanted = {"call_reasons": ["Your parcel arrives today"]}
    present = {"call_reasons": ["Your parcel is delayed"]}
    plan = planned(wanted, present, prune=True)
    given = replies(
        APIConnectionError("cut"),
        answer({"id": "new"}, 201),
        APIConnectionError("cut"),
        answer({"slug": "not-found", "message": "resource not found"}, 404),
    )
    virtual = Played(given)
    ids = {reason_key("Your parcel is delayed"): "old"}
    assert len(list(virtual.iterate(apply_plan(virtual.core(), plan, ids)))) == 2
    first, second, gone, again = virtual.requests
    assert headers_of(first)["Idempotency-Key"] == headers_of(second)["Idempotency-Key"]
    assert body_of(second) == {"call_reason": "Your parcel arrives today"}
    assert gone.url == again.url == "http://callmark.test/extensions/v1/clients/acc/call_reasons/old"
    assert ids[reason_key("Your parcel arrives today")] == "new"


def test_a_question_that_stays_keeps_its_id() -> None:
    def file(*questions: str) -> dict[str, Any]:
        asked = [{"text": text} for text in questions]
        campaign = {"name": "C", "campaign_type": "questions", "state": "draft", "questions": asked}
        return structure(feature_sets=[{"name": "S", "campaigns": [campaign]}])

    key = campaign_key(("feature_set", *unit_key("D", "Delivery", "P")[1:], "s"), "C")
    found = planned(file("New?", "Old?"), file("Old?"), ids={("question", *key[1:], "Old?"): "the-id"})
    (step,) = found.steps
    assert isinstance(step, ApiStep)
    assert step.body == {
        "questions": [{"text": "New?", "options": []}, {"text": "Old?", "options": [], "id": "the-id"}]
    }


def test_an_ended_campaign_is_over() -> None:
    def file(state: str) -> dict[str, Any]:
        campaign = {"name": "C", "campaign_type": "call_rating", "state": state}
        return structure(feature_sets=[{"name": "S", "campaigns": [campaign]}])

    nothing = structure(feature_sets=[{"name": "S", "campaigns": []}])
    assert planned(file("ended"), nothing) == AccountPlan()
    assert [one.action for one in planned(file("ended"), file("live")).changes] == ["change"]
    assert "is a draft" in planned(file("ended"), file("draft")).faults[0]
    (gone,) = planned(nothing, file("live"), prune=True).changes
    assert (gone.action, gone.warning) == ("delete", "it ends; its answers stay")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/x", "https://a.example/x"),
        ("https://u:p@a.example:8/x?key=1&b#f", "https://***@a.example:8/x?key=***&b=***#f"),
        ("http://[", "***"),
    ],
)
def test_addresses_are_shown_without_what_may_be_a_secret(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


def test_a_plan_cannot_move_the_cursor() -> None:
    found = planned({"call_reasons": ["\x1b[2Jgone"]}, {})
    assert "\x1b[2J" not in "".join(plan_lines(found))
    assert plan_item(found)["to_create"] == 1


def test_what_is_exported_reads_back_as_the_same() -> None:
    names = ["no", "0123", "null", "a: b", "# x", "'", "- x", "é", "12:30", "[", "*a", "2024-01-01", "~", "true"]
    value = {"labels": [], "departments": [{"name": name} for name in names], "call_reasons": names, "webhooks": []}
    account = msgspec.convert(value, AccountFile)
    assert entries(as_yaml(export(account, is_apart=False).value)) == account
