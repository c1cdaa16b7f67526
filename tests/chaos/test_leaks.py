"""What a run finds in its logs."""

from pathlib import Path

import pytest
from chaos.leaks import LogSearch

SECRETS = {"s3cret/+token": "a token", "pass.word": "a password"}


def test_secrets_and_whole_numbers_are_found_once_and_not_told(tmp_path: Path) -> None:
    log, search = tmp_path / "front.log", LogSearch()
    log.write_text('{"auth":"s3cret/+token","receiver":"9198…0001"}\n{"receiver":"+919840000001"}\n')
    (entry,) = search.look([log], SECRETS)
    assert entry.holds == ['a token: {"auth":"…","receiver":"9198…0001"}', 'a phone number: {"receiver":"…"}']
    with log.open("a") as more:
        more.write("passXword 0197-918040770001 \nbegun: pass.wo")
    assert search.look([log], SECRETS)[0].holds == []
    with log.open("a") as more:
        more.write("rd\n")
    assert search.look([log], SECRETS)[0].holds == ["a password: begun: …"]
    log.write_text("918040770001")
    assert search.look([log], {})[0].holds == ["a phone number: …"]


@pytest.mark.parametrize(
    "line",
    [
        "cm.0197c3ab.handset.918040770001",
        "/console?number=%2B918040770001",
        r"number=\u002b918040770001",
        r"text\n919840770001",
        "tel:+919840770001",
        "handset_918040770001",
        "record-918040770001",
    ],
)
def test_a_number_is_found_wherever_it_stands(tmp_path: Path, line: str) -> None:
    log = tmp_path / "front.log"
    log.write_text(line)
    (entry,) = LogSearch().look([log], {})
    assert len(entry.holds) == 1


@pytest.mark.parametrize(
    "line", ["0197c3ab-8e1a-7c3d-9b1e-918040770001", "took 0.919840770001 s", "a918040770001", "9180407700012"]
)
def test_the_end_of_an_id_and_a_fraction_are_no_numbers(tmp_path: Path, line: str) -> None:
    log = tmp_path / "front.log"
    log.write_text(line)
    (entry,) = LogSearch().look([log], {})
    assert entry.holds == []
