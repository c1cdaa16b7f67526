"""Names that a service says: shown as they are, and never more than a name."""

import pytest
from tests.sip.conftest import Lab

ENDINGS = ("\r\n", "\n", "\r", "\x0b")


@pytest.mark.parametrize(
    "name",
    [
        "O'Neil & Söhne",
        "Café Zoë",
        "आपका बैंक",
        "株式会社",
        "$ci $(ci) $var(answer) %s {a} <b> #!ifdef",
        "A" * 40,
        "€" * 41,
        'The "Best" Bank',
        "A\\B",
    ],
)
async def test_a_name_shows_as_it_is_in_quotes_as_sip_has_them(lab: Lab, name: str) -> None:
    """This phone shows the quoted form."""
    lab.platform.said = {"displayName": name}
    placed, _ = await lab.call()
    assert placed.ringing
    assert placed.ringing.name == name.replace("\\", r"\\").replace('"', r"\"")


@pytest.mark.parametrize("end", ENDINGS)
async def test_nothing_that_a_service_says_adds_a_header(lab: Lab, end: str) -> None:
    more = f'{end}X-Evil: 1{end}{end}<script>"'
    lab.platform.said = {"displayName": f"Acme{more}", "callInfo": f"<https://x.example>;purpose=icon{more}"}
    placed, _ = await lab.call()
    assert placed.ringing
    assert placed.ringing.name
    assert placed.ringing.name.startswith("Acme")
    names = [name for name, _ in placed.ringing.headers]
    assert "X-Evil" not in names
    assert names.count("Call-Info") == names.count("P-Asserted-Identity") == 1


@pytest.mark.parametrize(
    "verstat", ["TN-Validation-Failed", "No-TN-Validation", "passed", 'TN-Validation-Passed"\r\nX', 7]
)
async def test_a_name_counts_only_beside_a_passed_validation(lab: Lab, verstat: object) -> None:
    lab.platform.said = {"verstat": verstat}
    placed, report = await lab.call()
    assert placed.ringing
    assert placed.ringing.name is None
    assert placed.ringing.call_info == []
    assert placed.ringing.verstat in {"TN-Validation-Failed", "No-TN-Validation"}
    assert report["shown"] is False


async def test_a_call_id_that_looks_like_json_stays_a_text(lab: Lab) -> None:
    call_id = 'a"b\\c{}[]"outcome":"answered'
    placed, report = await lab.call(call_id=call_id)
    assert placed.status == 486
    assert (report["call_id"], report["outcome"]) == (call_id, "rejected")


async def test_an_answer_that_no_proxy_can_read_shows_nothing(lab: Lab) -> None:
    lab.platform.said = {"displayName": "Acme\x00Bank"}
    placed, _ = await lab.call()
    assert placed.ringing
    assert (placed.ringing.name, placed.ringing.verstat) == (None, "No-TN-Validation")
