"""The compose file: every part that it names is there, and Callmark starts with the environment that it gives."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from tests.support.compose_file import DEPLOY, compose, environ_of, image_environ, make_secrets, platform_services
from tools.sources import ROOT

from callmark.kit.errors import SetupError
from callmark.kit.settings import Secret, read_settings

SERVICES: dict[str, Any] = compose()["services"]


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("deploy") / "secrets"
    make_secrets(made)
    return made


@pytest.mark.parametrize("service", platform_services())
def test_each_service_of_callmark_gets_settings_that_exist(service: str, secrets: Path) -> None:
    settings = read_settings(environ_of(service, secrets))
    assert isinstance(settings.postgres_dsn, Secret)
    assert "@postgres/callmark" in settings.postgres_dsn.reveal()
    assert isinstance(settings.nats_url, Secret)
    assert settings.nats_url.reveal().count("tls://callmark:") == 3
    assert settings.nats_ca
    assert settings.nats_ca.read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert (settings.host, settings.port, settings.admin_port) == ("0.0.0.0", 8700, 8790)
    assert settings.trusted_proxies == SERVICES["proxy"]["networks"]["front"]["ipv4_address"]
    with pytest.raises(SetupError, match="CALLMARK_PROT"):
        read_settings(environ_of(service, secrets, CALLMARK_PROT="1"))


def test_secrets_are_made_once_and_others_cannot_reach_them(secrets: Path) -> None:
    before = {path: path.read_bytes() for path in secrets.rglob("*") if path.is_file()}
    make_secrets(secrets)
    assert {path: path.read_bytes() for path in secrets.rglob("*") if path.is_file()} == before
    assert secrets.stat().st_mode & 0o777 == 0o700
    named = [one["file"] for one in compose()["secrets"].values()]
    named += [file for service in SERVICES.values() for file in service.get("env_file", [])]
    named += [volume.split(":")[0].removeprefix("./") for volume in volumes() if "/secrets/" in volume]
    assert [file for file in named if not (secrets / Path(file).relative_to("secrets")).exists()] == []


def test_no_secret_is_made_where_others_can_reach_it(tmp_path: Path) -> None:
    made = tmp_path / "secrets"
    made.mkdir()
    for mode in (0o755, 0o711, 0o750):
        made.chmod(mode)
        with pytest.raises(subprocess.CalledProcessError) as failed:
            make_secrets(made)
        assert f"others have access to {made} ".encode() in failed.value.stderr, oct(mode)
        assert list(made.iterdir()) == [], oct(mode)
    made.chmod(0o700)
    make_secrets(made)


def test_what_is_made_for_nats_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    subprocess.run([DEPLOY / "nats/make-keys.sh", tmp_path, "nats1.internal"], check=True, capture_output=True)
    assert [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o077] == []


def volumes() -> list[str]:
    return [volume for service in SERVICES.values() for volume in service.get("volumes", [])]


def test_what_is_mounted_from_the_repository_is_there() -> None:
    files = [volume.split(":")[0] for volume in volumes() if volume.startswith("./") and "/secrets/" not in volume]
    assert len(files) == 4
    assert [file for file in files if not (DEPLOY / file).exists()] == []


def test_images_have_a_version_and_no_host() -> None:
    for name, service in SERVICES.items():
        image, _, tag = service["image"].partition(":")
        assert tag not in {"", "latest"}, name
        assert "." not in image, name


def test_services_wait_for_what_they_need_and_come_back() -> None:
    for name, service in SERVICES.items():
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped")
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other] or other in platform_services(), (name, other)
    assert "migrate" in SERVICES["worker"]["depends_on"]


def test_an_upgrade_changes_nothing_that_the_old_containers_need() -> None:
    """Compose runs this service while they still serve, and replaces them after it."""
    assert SERVICES["migrate"]["command"] == ["migrate", "--phase", "pre"]
    assert "compose.yaml run --rm migrate migrate --phase post" in (ROOT / "docs/deploying.md").read_text()


def test_the_log_of_postgresql_quotes_no_values_of_rows() -> None:
    assert "log_error_verbosity=terse" in SERVICES["postgres"]["command"]
    for sample in ("postgresql/callmark.conf", "patroni/patroni.yml"):
        assert re.search(r"^ *log_error_verbosity( =|:) terse", (DEPLOY / sample).read_text(), re.MULTILINE), sample


def test_no_log_of_a_service_fills_the_disk() -> None:
    bounded = {"driver": "json-file", "options": {"max-size": "50m", "max-file": "3"}}
    assert [name for name, service in SERVICES.items() if service.get("logging") != bounded] == []


def test_callmark_runs_as_nobody_who_may_do_anything() -> None:
    for service in platform_services().values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.search(r"^USER 10001", (DEPLOY / "container/Containerfile").read_text(), re.MULTILINE)


def test_the_proxies_and_the_cluster_name_hosts_that_compose_has() -> None:
    for sample in ("nginx/callmark.conf", "haproxy/haproxy.cfg"):
        text = (DEPLOY / sample).read_text()
        upstreams = set(re.findall(r"server (?:\S+ )?([a-z]+-\d):8700", text))
        assert upstreams == {name for name in platform_services() if name[-1].isdigit()}, sample
    routes = re.findall(r"tls://(\S+):6222", (DEPLOY / "nats/nats.conf").read_text())
    nodes = [SERVICES[f"nats-{number}"] for number in (1, 2, 3)]
    assert [node["networks"]["engines"]["aliases"] for node in nodes] == [[route] for route in routes]
    assert [node["environment"]["NATS_NAME"] for node in nodes] == routes


def test_the_image_holds_what_the_wheel_is_built_from() -> None:
    """The ignore file lets in what hatchling and the asset step read, and nothing that is made or secret."""
    lines = (ROOT / ".containerignore").read_text().splitlines()
    assert lines[1] == "*"
    let_in = {line[1:].rstrip("/") for line in lines if line.startswith("!")}
    assert let_in >= {"pyproject.toml", "README.md", "LICENSE", "hatch_build.py", "src", "tools", "requirements"}
    assert [name for name in let_in if not (ROOT / name).exists()] == []
    assert (ROOT / ".dockerignore").readlink() == Path(".containerignore")
    assert {"CALLMARK_HOST", "CALLMARK_DATA"} <= image_environ().keys()


def test_the_health_check_of_the_image_asks_the_admin_port_and_no_proxy(tmp_path: Path) -> None:
    """Also another port; and not the proxy that Docker's own configuration puts into each container."""
    text = (DEPLOY / "container/Containerfile").read_text()
    program = re.findall(r'CMD \["python3", "-c", "(.+)"\]', text)[0]

    def ask(**more: str) -> int:
        environ = image_environ() | {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"} | more
        return subprocess.run(
            [sys.executable, "-c", program], env=environ, stderr=subprocess.DEVNULL, check=False
        ).returncode

    assert ask(CALLMARK_ADMIN_PORT="1") == 1
    (tmp_path / "healthz").touch()
    with answering(tmp_path) as port:
        assert ask(CALLMARK_ADMIN_PORT=str(port)) == 0
        assert ask(CALLMARK_ADMIN_PORT=str(port), CALLMARK_ADMIN_HOST="127.0.0.1") == 0
        (tmp_path / "healthz").unlink()
        assert ask(CALLMARK_ADMIN_PORT=str(port)) == 1


@contextmanager
def answering(folder: Path) -> Generator[int]:
    """The port of a server that answers with the files of a folder."""

    class Files(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


def test_a_certificate_for_another_name_is_said_and_kept(tmp_path: Path) -> None:
    def run(host: str) -> tuple[int, str]:
        ended = subprocess.run(
            [DEPLOY / "make-secrets.sh", tmp_path / "secrets"],
            env=os.environ | {"CALLMARK_HOST_NAME": host},
            capture_output=True,
            text=True,
            check=False,
        )
        return ended.returncode, ended.stderr

    made = tmp_path / "secrets/proxy.crt"
    assert run("") == (0, "")
    kept = made.read_bytes()
    status, said = run("straße.example")
    assert (status, "as DNS has it" in said) == (1, True)
    status, said = run("calls.example.com")
    assert (status, made.read_bytes()) == (1, kept)
    assert "proxy.crt was there before and is not for calls.example.com" in said
    long = f"{'a' * 60}.{'b' * 60}.example.com"
    for host, name in (
        (long, long),
        ("192.0.2.5", "192.0.2.5"),
        ("2001:db8::5", "2001:db8::5"),
        ("calls.example.com.", "calls.example.com"),
    ):
        made.unlink()
        assert run(host) == (0, "")
        names = x509.load_pem_x509_certificate(made.read_bytes()).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        assert [str(one.value) for one in names.value] == [name]
    assert run("calls.example.com") == (0, "")
    key = ["openssl", "req", "-x509", "-key", tmp_path / "secrets/proxy.key", "-subj", "/CN=short", "-days", "20"]
    subprocess.run([*key, "-out", made], check=True, capture_output=True)
    status, said = run("")
    assert status == 0
    assert "proxy.crt ends soon" in said
