"""What deploy/compose.yaml and the container file say, for tests that start its services by hand."""

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from tools.sources import ROOT

DEPLOY = ROOT / "deploy"
IMAGE = "callmark:local"
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


@cache
def compose() -> dict[str, Any]:
    """The file, with the default of each of its variables."""
    return yaml.safe_load(_VARIABLE.sub(r"\2", (DEPLOY / "compose.yaml").read_text()))


def platform_services() -> dict[str, Any]:
    """The services that run Callmark itself."""
    return {name: service for name, service in compose()["services"].items() if service["image"] == IMAGE}


def image_environ() -> dict[str, str]:
    """The variables that the image sets for its last stage."""
    text = (DEPLOY / "container/Containerfile").read_text().rpartition("\nFROM ")[2].replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith("ENV ")]
    return dict(part.split("=", 1) for line in lines for part in shlex.split(line)[1:])


def make_secrets(directory: Path) -> None:
    """The secrets as `deploy/make-secrets.sh` makes them."""
    subprocess.run([DEPLOY / "make-secrets.sh", directory], check=True, capture_output=True)


def environ_of(service: str, secrets: Path, **elsewhere: str) -> dict[str, str]:
    """What the service's process finds, with the files in `secrets`; `elsewhere` is where this machine differs."""
    said: Mapping[str, Any] = compose()["services"][service]
    found = {"HOME": os.environ["HOME"]} | image_environ()
    for file in said.get("env_file", []):
        lines = (secrets / Path(file).relative_to("secrets")).read_text().splitlines()
        found |= dict(line.split("=", 1) for line in lines)
    found |= said["environment"]
    for secret in said["secrets"]:
        file = secrets / Path(compose()["secrets"][secret]["file"]).relative_to("secrets")
        found = {name: value.replace(f"/run/secrets/{secret}", str(file)) for name, value in found.items()}
    return found | {"PATH": os.environ["PATH"]} | elsewhere
