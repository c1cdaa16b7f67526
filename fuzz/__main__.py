"""`python -m fuzz`: runs targets under atheris, each in a process of its own; `--list` names them.

New inputs that reach new code stay in `build/fuzz/<target>`, which the next run begins with; what fails is written
there too, as `crash-…`, and the run ends with status 1. A failing input belongs into `fuzz/corpus/<target>`, where
`make test` runs it ever after.
"""

import argparse
import logging
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from fuzz.seeds import CORPUS

FOUND = Path("build/fuzz")
_EXECUTED = "number_of_executed_units"
_INSTRUMENTED = ("callmark", "httptools", "websockets", "uvicorn", "nats", "openpyxl", "phonenumbers")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="all of them by default")
    parser.add_argument("--minutes", type=float, default=3, help="for each target (3)")
    parser.add_argument("--list", action="store_true", help="name the targets")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    names = asked.targets or sorted(folder.name for folder in CORPUS.iterdir())
    if asked.list:
        print("\n".join(names))
    elif asked.here:
        _fuzz(names[0], asked.minutes)
    else:
        sys.exit(_run_all(names, asked.minutes))


def _run_all(names: list[str], minutes: float) -> int:
    failed = [name for name in names if _run_one(name, minutes)]
    print(f"{len(names)} targets, {minutes:g} minutes each: {', '.join(failed) or 'none'} failed")
    return 1 if failed else 0


def _run_one(name: str, minutes: float) -> int:
    print(f"{name} …", flush=True)
    (FOUND / name).mkdir(parents=True, exist_ok=True)
    log = FOUND / f"{name}.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "fuzz", "--here", name, "--minutes", str(minutes)]
        status = subprocess.run(command, stdout=out, stderr=out, check=False).returncode
    lines = log.read_text(errors="replace").splitlines()
    print("\n".join(lines[-60:] if status else [line for line in lines if _EXECUTED in line]), flush=True)
    return status


def _fuzz(name: str, minutes: float) -> None:
    import structlog

    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=[*_INSTRUMENTED]):
        from fuzz.targets import TARGETS
    found = FOUND / name
    options = [f"-max_total_time={minutes * 60:.0f}", f"-artifact_prefix={found}/", "-timeout=20", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], *options, "-print_final_stats=1", str(found), str(CORPUS / name)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
