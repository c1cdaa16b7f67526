"""Settings: read once, refused when unknown or malformed, handed to children unchanged."""

import os
from collections.abc import Generator
from functools import partial
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from callmark.kit.engines.data_directory import NothingRuns, read_installation
from callmark.kit.errors import SetupError
from callmark.kit.outbound.sender import sender_of
from callmark.kit.settings import Secret, Settings, read_handed_down, read_settings, to_environ
from callmark.kit.settings.in_force import SettingInForce, describe, settings_in_force
from callmark.processes.commands import serve, settings_
from callmark.processes.demo.command import demo_settings


def test_an_unknown_variable_stops_the_start() -> None:
    with pytest.raises(SetupError, match="CALLMARK_PROT"):
        read_settings({"CALLMARK_PROT": "8700"})


def test_variables_of_others_are_left_alone() -> None:
    assert read_settings({"PORT": "1", "HOME": "/"}).port == 8700


def test_a_malformed_value_is_named() -> None:
    with pytest.raises(SetupError, match="CALLMARK_PORT"):
        read_settings({"CALLMARK_PORT": "eighty"})


def test_a_value_out_of_bounds_is_named() -> None:
    with pytest.raises(SetupError, match="CALLMARK_PORT"):
        read_settings({"CALLMARK_PORT": "65536"})


def test_options_rule_over_variables_and_none_means_not_given() -> None:
    settings = read_settings({"CALLMARK_PORT": "1", "CALLMARK_HOST": "::1"}, port=2, host=None)
    assert (settings.port, settings.host) == (2, "::1")


def test_a_secret_comes_from_a_file_and_never_prints(tmp_path: Path) -> None:
    file = tmp_path / "dsn"
    file.write_text("postgresql://alice:geheim@db/callmark\n")
    settings = read_settings({"CALLMARK_POSTGRES_DSN_FILE": str(file)})
    assert settings.postgres_dsn is not None
    assert settings.postgres_dsn.reveal() == "postgresql://alice:geheim@db/callmark"
    assert "geheim" not in repr(settings)
    assert str(settings.postgres_dsn) == "set"


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="CALLMARK_NATS_URL_FILE"):
        read_settings({"CALLMARK_NATS_URL_FILE": str(tmp_path / "none")})


def test_a_child_reads_the_same_settings(tmp_path: Path) -> None:
    settings = Settings(
        postgres_dsn=Secret("postgresql://x"),
        nats_url=Secret("nats://y"),
        data=tmp_path,
        port=1234,
        emulator=True,
        bulk_deadline_s=1.5,
        public_url="https://calls.example",
    )
    child = read_handed_down(to_environ(settings))
    assert to_environ(child) == to_environ(settings)
    assert (child.port, child.emulator, child.bulk_deadline_s, child.data) == (1234, True, 1.5, tmp_path)


def test_the_emulator_does_not_start_where_strangers_reach_it() -> None:
    in_the_open = pytest.raises(SetupError, match=r"does not start on 0\.0\.0\.0")
    with in_the_open:
        read_settings({"CALLMARK_EMULATOR": "true", "CALLMARK_HOST": "0.0.0.0"})
    with in_the_open:
        read_settings({}, emulator=True, host="0.0.0.0")  # the options of `callmark serve`


def test_the_emulator_limits_neither_answers_nor_calls() -> None:
    limited = {"CALLMARK_ANSWERS_A_DAY": "3", "CALLMARK_CALLS_A_DAY": "4"}
    settings = read_settings(limited)
    assert (settings.answers_a_day, settings.calls_a_day) == (3, 4)
    settings = read_settings(limited | {"CALLMARK_EMULATOR": "true"})
    assert (settings.answers_a_day, settings.calls_a_day) == (0, 0)


def test_the_emulator_can_be_forced() -> None:
    forced = {"CALLMARK_EMULATOR": "true", "CALLMARK_HOST": "10.0.0.1", "CALLMARK_EMULATOR_FORCE": "true"}
    assert read_settings(forced).emulator


def test_every_setting_has_a_sentence() -> None:
    for variable, _, sentence in describe():
        assert variable.startswith("CALLMARK_")
        assert sentence.endswith(".")


def test_networks_that_are_none_are_refused_by_name() -> None:
    with pytest.raises(SetupError, match="CALLMARK_TRUSTED_PROXIES"):
        read_settings({"CALLMARK_TRUSTED_PROXIES": "10.0.0.0/8, the-proxy"})
    assert read_settings({"CALLMARK_TRUSTED_PROXIES": "10.0.0.0/8, fd00::1"}).trusted_proxies


def test_what_client_programs_read_is_no_setting_and_no_fault() -> None:
    names = ("BASE_URL", "ACCOUNT_ID", "KEY_ID", "API_KEY", "EMULATOR_URL", "EMULATOR_CREDENTIALS", "WEBHOOK_SECRET")
    assert read_settings({f"CALLMARK_{name}": "x" for name in names}) == read_settings({})


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PORT", "eighty", "a whole number from 0 to 65535, not 'eighty'"),
        ("PROCESSES", "0", "a whole number from 1 to 64, not '0'"),
        ("BULK_DEADLINE_S", "99", "a number above 0, and at most 60, not '99'"),
        ("DRAIN_S", "-1", "a number from 0 to 60, not '-1'"),
        ("EMULATOR", "perhaps", "true or false, not 'perhaps'"),
        ("SMTP_TLS", "some", "one of starttls, tls, none, not 'some'"),
        ("MIN_APP_VERSION", "x", "text that matches"),
        ("ROLES", "api, cook", "unknown role cook; the roles are api, console, gateway, stir, worker"),
        ("ROLES", " , ", "it names no role"),
        ("ADMIN_HOST", "http://x", "a host name or an address, not a URL"),
        ("ADMIN_HOST", "", "is empty"),
        ("NATS_CA", "gr\udcfcn.pem", "it is not UTF-8"),
        ("SMTP_PASSWORD_FILE", "gr\udcfcn", "it is not UTF-8"),
    ],
)
def test_a_wrong_value_is_told_with_its_variable_and_what_it_takes(variable: str, value: str, said: str) -> None:
    with pytest.raises(SetupError) as refused:
        read_settings({f"CALLMARK_{variable}": value})
    assert refused.value.message.startswith(f"CALLMARK_{variable} is ")
    assert said in refused.value.message


def test_every_number_is_refused_with_the_bounds_that_it_has() -> None:
    said: dict[str, list[str]] = {}
    for variable, _, _ in describe():
        for value in ("-1000000000", "1000000000", "x"):
            try:
                read_settings({variable: value})
            except SetupError as refused:
                said.setdefault(variable, []).append(refused.message)
    numbers = [
        f"CALLMARK_{field.name.upper()}"
        for field in msgspec.structs.fields(Settings)
        if type(field.default) in (int, float)
    ]
    assert len(numbers) > 15
    assert {variable: len(said[variable]) for variable in numbers} == dict.fromkeys(numbers, 3)
    assert [text for texts in said.values() for text in texts if "None" in text] == []


def test_roles_have_one_spelling_and_are_handed_on() -> None:
    settings = read_settings({"CALLMARK_ROLES": "worker, api,"}, processes=3)
    assert (settings.roles, settings.chosen_roles) == ("api,worker", {"api", "worker"})
    child = read_handed_down(to_environ(settings))
    assert (child.roles, child.processes) == ("api,worker", 3)


def test_processes_on_every_address_are_reached_on_loopback() -> None:
    assert read_settings({"CALLMARK_ADMIN_HOST": "0.0.0.0"}).reached_admin_host == "127.0.0.1"
    assert read_settings({"CALLMARK_ADMIN_HOST": "[::]"}).reached_admin_host == "::1"
    assert read_settings({"CALLMARK_ADMIN_HOST": "10.0.0.8"}).reached_admin_host == "10.0.0.8"


def test_a_value_and_its_file_together_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("k" * 32)
    with pytest.raises(SetupError, match="CALLMARK_SECRET_KEY and CALLMARK_SECRET_KEY_FILE are both set"):
        read_settings({"CALLMARK_SECRET_KEY": "k" * 32, "CALLMARK_SECRET_KEY_FILE": str(file)})


def test_each_value_in_force_says_where_it_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "dsn"
    file.write_text("postgresql://alice:geheim@db/callmark")
    environ = {"CALLMARK_POSTGRES_DSN_FILE": str(file), "CALLMARK_ROLES": "worker,api", "CALLMARK_EMULATOR": "TRUE"}
    found = {one.variable: one for one in settings_in_force(environ)}
    assert list(found) == [variable for variable, _, _ in describe()]
    dsn, roles, emulator, port, user = (
        found[f"CALLMARK_{name}"] for name in ("POSTGRES_DSN", "ROLES", "EMULATOR", "PORT", "SMTP_USER")
    )
    assert (dsn.value, dsn.source, dsn.file) == ("set", "file", str(file))
    assert (roles.value, roles.source, roles.default) == (
        "api,worker",
        "environment",
        "api,console,gateway,stir,worker",
    )
    assert (emulator.value, emulator.source) == ("true", "environment")
    assert (port.value, port.source, user.value) == ("8700", "default", "unset")
    assert "geheim" not in repr(found)


def run(*options: str, **variables: str) -> tuple[str, BaseException | None]:
    """What `callmark settings` prints with these variables, and what it raises."""
    result = CliRunner().invoke(settings_, options, env=variables)
    return result.output, result.exception


def test_the_command_prints_values_and_keeps_secrets() -> None:
    variables = {"CALLMARK_PORT": "9000", "CALLMARK_SECRET_KEY": "geheim" * 6}
    text, wrong = run(**variables)
    assert wrong is None
    assert "CALLMARK_PORT = 9000 (from the environment; default 8700)\n    Port to listen on" in text
    assert "CALLMARK_SECRET_KEY = set (from the environment)" in text
    assert "geheim" not in text
    assert "CALLMARK_DATA = /srv/calls (from the option of this command)\n" in run("--data", "/srv/calls")[0]
    listed = msgspec.json.decode(run("--json", **variables)[0], type=list[SettingInForce])
    assert next(one for one in listed if one.variable == "CALLMARK_PORT").value == "9000"


def test_the_command_lists_settings_also_when_one_is_wrong() -> None:
    text, wrong = run(CALLMARK_PROT="9000")
    assert "CALLMARK_PORT = 8700 (default)" in text
    assert isinstance(wrong, SetupError)
    assert "CALLMARK_PROT" in wrong.message
    assert run("--json", CALLMARK_PROT="9000")[0] == ""


def test_every_option_of_serve_is_a_setting() -> None:
    assert {parameter.name for parameter in serve.params} <= {field.name for field in msgspec.structs.fields(Settings)}


@pytest.mark.parametrize(
    ("url", "secret", "why"),
    [
        ("https://codes.example/send", None, "set both"),
        (None, "whsec_MDEyMzQ1Njc4OQ==", "set both"),
        ("http://codes.example/send", "whsec_MDEyMzQ1Njc4OQ==", "must begin with https://"),
        ("ftp://127.0.0.1/send", "whsec_MDEyMzQ1Njc4OQ==", "must begin with https://"),
        ("https://", "whsec_MDEyMzQ1Njc4OQ==", "must name a host"),
        ("https://codes.example/send it", "whsec_MDEyMzQ1Njc4OQ==", "a space"),
        ("https://codes.example:0/send", "whsec_MDEyMzQ1Njc4OQ==", "its port"),
        ("https://codes.example/\u00fc", "whsec_MDEyMzQ1Njc4OQ==", "percent-encoded"),
        ("https://codes.example/send#top", "whsec_MDEyMzQ1Njc4OQ==", "a fragment"),
        ("https://alice@codes.example/send", "whsec_MDEyMzQ1Njc4OQ==", "a user name"),
        ("https://codes.example/send", "MDEyMzQ1Njc4OQ==", "must be whsec_ and base64"),
        ("https://codes.example/send", "whsec_", "must be whsec_ and base64"),
        ("https://codes.example/send", "whsec_secret!", "must be whsec_ and base64"),
    ],
)
def test_the_hook_for_codes_is_an_address_with_its_secret(url: str | None, secret: str | None, why: str) -> None:
    given = {"CALLMARK_NUMBER_CODE_URL": url, "CALLMARK_NUMBER_CODE_SECRET": secret}
    with pytest.raises(SetupError, match=why):
        read_settings({name: value for name, value in given.items() if value is not None})


@pytest.mark.parametrize("url", ["https://codes.example/send", "http://127.0.0.1:9000/send"])
def test_the_hook_for_codes_is_https_or_on_this_machine(url: str) -> None:
    given = {"CALLMARK_NUMBER_CODE_URL": url, "CALLMARK_NUMBER_CODE_SECRET": "whsec_MDEyMzQ1Njc4OQ=="}
    assert read_settings(given).number_code_url == url


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ('"Callmark <no-reply@example.com>"', "without quotes around the whole"),  # as `docker run --env-file` keeps it
        ("'Callmark <no-reply@example.com>'", "without quotes around the whole"),
        ("Callmark <no..reply@example.com>", r"no\.\.reply@example\.com is not an email address"),
        ("Callmark, Inc. <no-reply@example.com>", '"Acme, Inc." <no-reply@example.com>'),
        ("Callmark <no-reply@exam ple.com>", "write it as"),
        ("<no-reply@example.com", "write it as"),
        ("Callmark <>", "write it as"),
        ("nobody", "write it as"),
        ("ü@example.com", "is not an email address"),
    ],
)
@pytest.mark.parametrize("host", ["", "mail.example.com"])
def test_a_sender_that_no_mail_can_come_from_is_refused_with_the_reason(host: str, given: str, why: str) -> None:
    with pytest.raises(SetupError, match=f"CALLMARK_MAIL_FROM is invalid: .*{why}"):
        read_settings({"CALLMARK_SMTP_HOST": host, "CALLMARK_MAIL_FROM": given})


@pytest.mark.parametrize(
    ("given", "name", "address"),
    [
        ("no-reply@example.com", "", "no-reply@example.com"),
        ("Callmark <no-reply@example.com> ", "Callmark", "no-reply@example.com"),
        ('"Callmark, Inc." <no-reply@example.com>', "Callmark, Inc.", "no-reply@example.com"),
        ("Callmark Inc. <no-reply@example.com>", "Callmark Inc.", "no-reply@example.com"),
        ("Bäckerei <no-reply@bäckerei.example>", "Bäckerei", "no-reply@xn--bckerei-5wa.example"),
        ("no-reply@example.com (Callmark)", "Callmark", "no-reply@example.com"),
        ('"no-reply@example.com"', "", "no-reply@example.com"),
    ],
)
def test_a_sender_is_an_address_with_or_without_a_name(given: str, name: str, address: str) -> None:
    sender = sender_of(read_settings({"CALLMARK_MAIL_FROM": given}).mail_from)
    assert (sender.display_name, sender.addr_spec) == (name, address)


@pytest.mark.parametrize("value", ["", " \n"])
@pytest.mark.parametrize(
    "name", ["DATA", "POSTGRES_BIN", "NATS_CA", "NATS_CREDENTIALS", "FCM_CREDENTIALS_FILE", "OLD_SECRET_KEY"]
)
def test_an_empty_path_or_secret_is_as_one_that_is_not_set(name: str, value: str) -> None:
    assert read_settings({f"CALLMARK_{name}": value}) == read_settings({})
    (found,) = (one for one in settings_in_force({f"CALLMARK_{name}": ""}) if one.variable == f"CALLMARK_{name}")
    assert found.source == "default"


@pytest.mark.parametrize("one", ["SMTP_USER", "NUMBER_CODE_URL"])
@pytest.mark.parametrize("other", ["SMTP_PASSWORD", "NUMBER_CODE_SECRET"])
def test_two_that_belong_together_can_both_be_empty(one: str, other: str) -> None:
    assert read_settings({f"CALLMARK_{one}": "", f"CALLMARK_{other}": ""}) == read_settings({})


def test_an_empty_password_is_none() -> None:
    with pytest.raises(SetupError, match="set both CALLMARK_SMTP_USER and CALLMARK_SMTP_PASSWORD, or neither"):
        read_settings({"CALLMARK_SMTP_USER": "alice", "CALLMARK_SMTP_PASSWORD": ""})


@pytest.mark.parametrize("name", ["POSTGRES_DSN", "NATS_URL", "SECRET_KEY"])
def test_an_empty_one_does_not_become_one_of_our_own(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    for variables in ({f"CALLMARK_{name}": ""}, {f"CALLMARK_{name}_FILE": str(tmp_path / "empty")}):
        with pytest.raises(SetupError, match=f"CALLMARK_{name} is"):
            read_settings(variables)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "key").write_text("\u00fcber" * 9, encoding)
    with pytest.raises(SetupError, match=r"CALLMARK_SECRET_KEY_FILE: cannot read .*/key: it is not text in UTF-8"):
        read_settings({"CALLMARK_SECRET_KEY_FILE": str(tmp_path / "key")})


def test_a_mark_of_the_encoding_is_no_part_of_the_value(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://calls.example.com\r\n", "utf-8-sig")
    assert read_settings({"CALLMARK_PUBLIC_URL_FILE": str(tmp_path / "url")}).public_url == "https://calls.example.com"


def test_a_secret_key_stays_what_it_was(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 32, "utf-8-sig")
    settings = read_settings({"CALLMARK_SECRET_KEY_FILE": str(tmp_path / "key")})
    assert settings.secret_key
    assert settings.secret_key.reveal() == f"\ufeff{'k' * 32}"


def test_an_empty_name_of_a_file_is_refused() -> None:
    with pytest.raises(SetupError, match="CALLMARK_SMTP_PASSWORD_FILE is empty; set it to the path of a file"):
        read_settings({"CALLMARK_SMTP_PASSWORD_FILE": ""})


def test_the_old_secret_key_is_as_long_as_the_new_one() -> None:
    with pytest.raises(SetupError, match="CALLMARK_OLD_SECRET_KEY is too short"):
        read_settings({"CALLMARK_OLD_SECRET_KEY": "abc"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVICE_HOST", "10.0.0.1"),
        ("API_SERVICE_HOST", "10.0.0.1"),
        ("SERVICE_PORT_HTTP", "80"),
        ("PORT_8700_TCP_ADDR", "10.0.0.1"),
        ("API_PORT_53_UDP", "udp://10.0.0.1:53"),
        ("API_PORT", "tcp://10.0.0.1:80"),
        ("PORT", "tcp://10.0.0.1:80"),
        ("ADMIN_PORT", "tcp://10.0.0.1:80"),
    ],
)
def test_variables_of_a_kubernetes_service_are_known_for_what_they_are(name: str, value: str) -> None:
    with pytest.raises(SetupError, match=f"CALLMARK_{name}.* `enableServiceLinks: false`"):
        read_settings({f"CALLMARK_{name}": value})


@pytest.fixture(params=[None, "", "alice"])
def nameless_user(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Generator[None]:
    """This process runs as a user without a name, as a container may, and with no HOME, or one that is none."""
    if os.geteuid() != 0:
        pytest.skip("another user can be played by root only")
    if request.param is None:
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", request.param)
    os.setresuid(1000770000, 1000770000, 0)
    yield
    os.setresuid(0, 0, 0)


@pytest.mark.usefixtures("nameless_user")
def test_a_user_without_a_home_names_the_data_directory() -> None:
    for read in (read_settings, partial(demo_settings, None, None)):
        with pytest.raises(SetupError, match="no home directory for the data: set CALLMARK_DATA, or HOME"):
            read()
    named = Path("/tmp/nothing-runs-here")  # noqa: S108 - nothing is made there
    assert demo_settings(None, named).data == named
    with pytest.raises(NothingRuns, match="no running installation at /tmp/nothing-runs-here"):
        read_installation(named)
