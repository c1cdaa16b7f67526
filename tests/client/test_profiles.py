"""Where a client's options come from; profiles."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec import structs

import callmark
from callmark.client.cli.session import token_store
from callmark.client.environment import config_file
from callmark.client.options import found_options
from callmark.client.profile_writing import write_profile
from callmark.client.profiles import Profile, read_profile, read_profiles

GIVEN: dict[str, Any] = {"base_url": "https://a.example", "account_id": "acc", "key_id": "key", "api_key": "secret"}
VARIABLES = {
    "CALLMARK_BASE_URL": "https://b.example",
    "CALLMARK_ACCOUNT_ID": "acc-b",
    "CALLMARK_KEY_ID": "key-b",
    "CALLMARK_API_KEY": "secret-b",
}


@pytest.mark.parametrize(
    ("xdg", "kept_in"),
    [("/etc/xdg-of-mine", "/etc/xdg-of-mine"), ("relative", "/home/ada/.config"), ("", "/home/ada/.config")],
)
def test_profiles_are_below_the_directory_that_the_desktop_names(
    monkeypatch: pytest.MonkeyPatch, xdg: str, kept_in: str
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_CONFIG_HOME", xdg)
    assert config_file() == Path(kept_in) / "callmark" / "config.toml"


@pytest.mark.parametrize("home", [None, "", "relative"])
def test_a_user_without_a_home_needs_none_unless_a_profile_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str | None
) -> None:
    """As containers run programs: a user id that has no entry in /etc/passwd, and no HOME, or one that is none."""

    def no_home(_: type[Path]) -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("HOME", "XDG_CONFIG_HOME", *VARIABLES):
        monkeypatch.delenv(name, raising=False)
    if home is None:
        monkeypatch.setattr(Path, "home", classmethod(no_home))
    else:
        monkeypatch.setenv("HOME", home)
        monkeypatch.chdir(tmp_path)
        write_profile(tmp_path / home / ".config/callmark/config.toml", "default", Profile(**GIVEN))
    callmark.Client(**GIVEN).close()
    assert isinstance(token_store(), callmark.MemoryTokenStore)
    with pytest.raises(callmark.CallmarkError, match="missing: base_url="):
        callmark.Client()
    with pytest.raises(callmark.CallmarkError, match=r"no home directory.*HOME or XDG_CONFIG_HOME"):
        callmark.Client(profile="test")


KEPT = Profile("https://c.example", "acc-c", "key-c", "secret-c")
OF_KEPT: dict[str, Any] = {"base_url": "https://c.example", "account_id": "acc-c", "key_id": "key-c"}
ELSEWHERE: dict[str, Any] = {"base_url": "https://a.example"}


@pytest.mark.parametrize(
    ("given", "variables", "profile", "found"),
    [
        ({}, {}, None, OF_KEPT | {"api_key": "secret-c"}),
        ({"account_id": "acc", "key_id": None}, {}, None, OF_KEPT | {"account_id": "acc", "api_key": "secret-c"}),
        (ELSEWHERE, {"CALLMARK_BASE_URL": "https://b.example"}, None, OF_KEPT | ELSEWHERE | {"api_key": "secret-c"}),
        (ELSEWHERE, VARIABLES, "default", OF_KEPT | ELSEWHERE | {"api_key": "secret-c"}),
        (
            {"account_id": "acc"},
            VARIABLES,
            None,
            {"base_url": "https://b.example", "account_id": "acc", "key_id": "key-b", "api_key": "secret-b"},
        ),
        ({"api_key": "secret"}, VARIABLES, "half", OF_KEPT | {"api_key": "secret"}),
    ],
)
def test_arguments_replace_single_values_of_one_source(
    tmp_path: Path, given: dict[str, Any], variables: dict[str, str], profile: str | None, found: dict[str, Any]
) -> None:
    config = tmp_path / "config.toml"
    write_profile(config, "default", KEPT)
    write_profile(config, "half", structs.replace(KEPT, api_key=""))
    assert found_options(given, variables, config, profile) == found


@pytest.mark.parametrize(
    ("given", "names", "profile", "why"),
    [
        (
            {},
            ["BASE_URL"],
            None,
            r"missing: account_id= .*key_id= .*api_key= .*CALLMARK_BASE_URL is set, so no profile",
        ),
        ({}, ["API_KEY"], None, "missing: base_url= .*CALLMARK_API_KEY is set"),
        (ELSEWHERE, ["ACCOUNT_ID", "KEY_ID"], None, "missing: api_key= .*CALLMARK_ACCOUNT_ID, CALLMARK_KEY_ID are set"),
        ({}, ["BASE_URL", "ACCOUNT_ID", "KEY_ID", "API_KEY"], "half", r"'half' in .* has no base_url and no api_key"),
    ],
)
def test_a_key_goes_to_no_server_of_another_source(
    tmp_path: Path, given: dict[str, Any], names: list[str], profile: str | None, why: str
) -> None:
    config = tmp_path / "config.toml"
    write_profile(config, "default", KEPT)
    write_profile(config, "half", Profile("", "acc-c", "key-c"))
    variables = {f"CALLMARK_{name}": VARIABLES[f"CALLMARK_{name}"] for name in names}
    with pytest.raises(callmark.CallmarkError, match=why):
        found_options(given, variables, config, profile)


@pytest.mark.parametrize("profile", ["default", None])
def test_a_profile_that_lacks_something_says_what_it_has_instead_and_no_value(
    tmp_path: Path, profile: str | None
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        '[profiles.default]\nbase_url = "https://c.example"\naccount_id = "a"\nkey-id = "k"\napi-key = "s3"'
    )
    config.chmod(0o600)
    with pytest.raises(callmark.CallmarkError) as raised:
        found_options({}, {} if profile is None else VARIABLES, config, profile)
    assert str(raised.value) == (
        f"profile 'default' in {config} has no key_id and no api_key (it has key-id, api-key), and nothing else is"
        " asked for it: correct it, or run `callmark login --profile default`"
    )


@pytest.mark.parametrize("name", [*GIVEN, "profile"])
@pytest.mark.parametrize("empty", ["", " \n"])
def test_an_empty_argument_is_no_argument_left_out(name: str, empty: str) -> None:
    """`api_key=os.environ.get("KEY", "")` means some key, and not that of the environment."""
    with pytest.raises(callmark.CallmarkError, match=f"{name} is empty"):
        found_options({name: empty}, VARIABLES, None, empty if name == "profile" else None)


def test_the_file_is_not_read_when_nothing_is_missing(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("no = toml =")
    assert found_options(GIVEN, {}, config, None) == GIVEN
    assert found_options({}, VARIABLES, config, None)["account_id"] == "acc-b"


def test_what_is_missing_is_named_with_every_way_to_give_it(tmp_path: Path) -> None:
    with pytest.raises(callmark.CallmarkError) as raised:
        found_options(GIVEN | {"api_key": None}, {}, tmp_path / "none.toml", None)
    assert str(raised.value) == (
        "missing: api_key= (CALLMARK_API_KEY). Run `callmark login`, set the variables, or pass them"
    )


def test_a_profile_that_is_not_there_is_named(tmp_path: Path) -> None:
    for variables in ({}, VARIABLES):
        with pytest.raises(callmark.CallmarkError, match=r"no profile 'test'.*callmark login --profile test"):
            found_options({}, variables, tmp_path / "none.toml", "test")


def test_a_profile_is_private_and_kept_beside_others(tmp_path: Path) -> None:
    config = tmp_path / "callmark" / "config.toml"
    write_profile(config, "default", Profile("https://a.example", "a", "k", "s"))
    write_profile(config, "test", Profile("https://b.example", "b", "k", "s"))
    write_profile(config, "test", Profile("https://c.example", "b", "k", "s"))
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert sorted(read_profiles(config)) == ["default", "test"]
    test = read_profile(config, "test")
    assert test == Profile("https://c.example", "b", "k", "s")


WRITTEN = """# production key: ask Ada
[defaults]
region = "IN" # ours

[profiles.a] # the first
note = "kept # here"
base_url = "https://a.example" # by the proxy
account_id = "a"
key_id = 'k'
"api_key" = "old" # until May

  [profiles."b.c"]
base_url = "https://b.example"
account_id = "b"
key_id = "k"
api_key = "s"
"""


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("name", "profile", "changes"),
    [
        ("a", Profile("https://a.example", "a", "k", "new"), {'"api_key" = "old" #': 'api_key = "new" #'}),
        ("b.c", Profile("https://b.example", "b", "k2", "s"), {'key_id = "k"\n': 'key_id = "k2"\n'}),
        (
            "new",
            Profile("u", "a", "k", "s#"),
            {'"s"\n': '"s"\n\n[profiles."new"]\nbase_url = "u"\naccount_id = "a"\nkey_id = "k"\napi_key = "s#"\n'},
        ),
    ],
)
def test_what_people_wrote_beside_a_profile_stays(
    tmp_path: Path, name: str, profile: Profile, changes: dict[str, str], ending: str
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(WRITTEN, newline=ending)
    config.chmod(0o600)
    write_profile(config, name, profile)
    expected = WRITTEN
    for old, new in changes.items():
        expected = expected.replace(old, new)
    assert config.read_bytes().decode() == expected.replace("\n", ending)


@pytest.mark.parametrize(
    "content",
    [
        'profiles.default.api_key = "s"\n',
        'profiles = {default = {api_key = "s"}}\n',
        'text = """\n[profiles.default]\n"""\n',
    ],
)
def test_a_file_in_which_a_profile_cannot_be_changed_alone_is_left_alone(tmp_path: Path, content: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(content)
    config.chmod(0o600)
    with pytest.raises(callmark.CallmarkError, match=r"does not have 'default' as a table.*or remove it"):
        write_profile(config, "default", Profile(**GIVEN))
    assert config.read_text() == content


def test_of_profiles_that_are_written_at_once_none_is_lost(tmp_path: Path) -> None:
    config, all_there = tmp_path / "config.toml", Barrier(4)

    def write(number: int) -> None:
        for turn in range(10):
            all_there.wait()
            write_profile(config, f"{turn}-{number}", Profile(**GIVEN))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    assert len(read_profiles(config)) == 40


@pytest.mark.parametrize(("content", "why"), [(b"[profiles", "Expected"), ("# Grüße\n".encode("latin-1"), "not UTF-8")])
def test_a_file_of_profiles_that_cannot_be_understood_says_what_to_do(tmp_path: Path, content: bytes, why: str) -> None:
    """To run `callmark login` alone is no advice: it reads the other profiles, which it keeps."""
    config = tmp_path / "config.toml"
    config.write_bytes(content)
    config.chmod(0o600)
    with pytest.raises(callmark.CallmarkError, match=f"{why}.*remove it and run `callmark login`"):
        read_profiles(config)


def test_a_profile_that_others_can_read_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    write_profile(config, "default", Profile(**GIVEN))
    for mode in (0o640, 0o604, 0o620):
        config.chmod(mode)
        with pytest.raises(callmark.CallmarkError, match="chmod 600"):
            read_profile(config)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_the_file(tmp_path_factory: pytest.TempPathFactory, name: str, secret: str) -> None:
    config = tmp_path_factory.mktemp("p") / "config.toml"
    write_profile(config, name, Profile(api_key=secret))
    assert read_profile(config, name) == Profile(api_key=secret)


def test_a_variable_of_blanks_is_missing() -> None:
    variables = {"CALLMARK_BASE_URL": "https://a.example\n", "CALLMARK_ACCOUNT_ID": " \n"}
    with pytest.raises(callmark.CallmarkError, match="missing: account_id="):
        found_options({"key_id": "k", "api_key": "s"}, variables, None, None)
