"""Settings: read once, refused when unknown or malformed, handed to children unchanged."""

from pathlib import Path

import pytest

from callmark.kit.errors import SetupError
from callmark.kit.settings import Secret, Settings, describe, read_settings, to_environ


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
    child = read_settings(to_environ(settings))
    assert to_environ(child) == to_environ(settings)
    assert (child.port, child.emulator, child.bulk_deadline_s, child.data) == (1234, True, 1.5, tmp_path)


def test_the_emulator_does_not_start_where_strangers_reach_it() -> None:
    with pytest.raises(SetupError, match="emulator"):
        read_settings({"CALLMARK_EMULATOR": "true", "CALLMARK_HOST": "0.0.0.0"})  # noqa: S104 - that is the point


def test_the_emulator_limits_no_answers() -> None:
    limited = {"CALLMARK_ANSWERS_A_DAY": "3"}
    assert read_settings(limited).answers_a_day == 3
    assert read_settings(limited | {"CALLMARK_EMULATOR": "true"}).answers_a_day == 0


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
    names = ("BASE_URL", "ACCOUNT_ID", "KEY_ID", "API_KEY", "EMULATOR_URL", "EMULATOR_CREDENTIALS")
    assert read_settings({f"CALLMARK_{name}": "x" for name in names}) == read_settings({})
