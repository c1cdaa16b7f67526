"""What a run finds in its logs."""

from pathlib import Path

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
