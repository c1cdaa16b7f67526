"""The scripts that make secrets, stopped half-way: what is torn does not count, and the next run makes it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.compose_file import DEPLOY

SECRETS = DEPLOY / "make-secrets.sh"
KEYS = DEPLOY / "nats/make-keys.sh"
HOST = "nats1.internal"
OPENSSL = shutil.which("openssl") or ""

FAILING = """#!/bin/sh
# Of a run one call fails after it has written half of its output: one that no run before has got to, by words and file.
call="$* >$(readlink /proc/$$/fd/1 | sed 's/:.*//')"
case $call in *-checkend*) exec REAL "$@" ;; esac
if ! grep -qxF -e "$call" "$FAILED" && mkdir "$RUN" 2>/dev/null; then
  echo "$call" >>"$FAILED"
  printf torn
  for word; do
    [ "${before:-}" != -out ] || printf torn >"$word"
    before=$word
  done
  exit 1
fi
exec REAL "$@"
"""


def stop_at_each_call(calls: int, tmp_path: Path, *script: Path | str) -> Iterator[subprocess.CompletedProcess[str]]:
    """Runs the script as often: each run comes a call of openssl further than the one before, which fails."""
    programs = tmp_path / "bin"
    programs.mkdir()
    openssl = programs / "openssl"
    openssl.write_text(FAILING.replace("REAL", OPENSSL))
    openssl.chmod(0o755)
    (failed := tmp_path / "failed").touch()
    said = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "FAILED": str(failed)}
    for call in range(1, calls + 1):
        environ = said | {"RUN": str(tmp_path / f"run-{call}")}
        yield subprocess.run(script, env=environ, capture_output=True, text=True, check=False)
        assert len(failed.read_text().splitlines()) == call, failed.read_text()


def read(path: Path) -> str:
    return path.read_text().strip()


def fits(certificate: Path, key: Path) -> bool:
    ask = [["x509", "-noout", "-pubkey", "-in", certificate], ["pkey", "-pubout", "-in", key]]
    said = [subprocess.run([OPENSSL, *one], capture_output=True, check=True).stdout for one in ask]
    return said[0] == said[1]


def test_every_secret_is_whole_however_often_the_script_was_stopped_before(tmp_path: Path) -> None:
    made = tmp_path / "secrets"
    for stopped in stop_at_each_call(9, tmp_path, SECRETS, made):
        assert stopped.returncode != 0
    subprocess.run([SECRETS, made], check=True, capture_output=True)
    password = read(made / "postgres-password")
    assert len(password) == 48
    assert read(made / "postgres-dsn") == f"postgresql://callmark:{password}@postgres/callmark"
    assert len(read(made / "secret-key")) == 64
    there, ours = (read(made / name).splitlines() for name in ("object-store.env", "callmark.env"))
    assert [len(line.partition("=")[2]) for line in there] == [20, 48]
    assert ours == [line.replace("ROOT_ACCESS", "AWS_ACCESS").replace("ROOT_SECRET", "AWS_SECRET") for line in there]
    assert fits(made / "proxy.crt", made / "proxy.key")
    assert read(made / "proxy.pem") == f"{read(made / 'proxy.crt')}\n{read(made / 'proxy.key')}"
    assert len(read(made / "nats/password")) == 48


def test_every_key_of_nats_is_whole_however_often_the_script_was_stopped_before(tmp_path: Path) -> None:
    made = tmp_path / "keys"
    assert len(list(stop_at_each_call(6, tmp_path, KEYS, made, HOST))) == 6
    subprocess.run([KEYS, made, HOST], check=True, capture_output=True)
    password, tls = read(made / "password"), made / HOST / "tls"
    assert len(password) == 48
    assert read(made / "url") == f"tls://callmark:{password}@{HOST}:4222"
    assert fits(made / "ca.crt", made / "ca.key")
    assert fits(tls / "server.crt", tls / "server.key")
    subprocess.run([OPENSSL, "verify", "-CAfile", tls / "ca.crt", tls / "server.crt"], check=True)


def test_without_openssl_nothing_is_left_and_the_script_says_why(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("dirname", "mkdir", "cat", "mv", "find", "chmod", "cp", "sed"):
        (programs / name).symlink_to(shutil.which(name) or "")
    for script, *hosts in ((SECRETS,), (KEYS, HOST)):
        made = tmp_path / Path(script).stem
        ran = subprocess.run(
            [script, made, *hosts], env={"PATH": str(programs)}, capture_output=True, text=True, check=False
        )
        assert ran.returncode != 0
        assert "openssl" in ran.stderr
        assert [path for path in made.rglob("*") if path.is_file()] == []
