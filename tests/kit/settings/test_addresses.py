"""Settings that are addresses have one spelling, or the start stops with a sentence that names the variable."""

import pytest

from callmark.kit.errors import SetupError
from callmark.kit.settings import read_settings, to_environ


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://127.0.0.1:8700/", "http://127.0.0.1:8700"),
        ("http://127.0.0.1:8700///", "http://127.0.0.1:8700"),
        ("HTTPS://Calls.Example.COM", "https://calls.example.com"),
        ("  https://calls.example.com\n", "https://calls.example.com"),
        ("https://calls.example.com:443/", "https://calls.example.com"),
        ("http://calls.example.com:80", "http://calls.example.com"),
        ("http://calls.example.com:443", "http://calls.example.com:443"),
        ("http://[::1]:8700/", "http://[::1]:8700"),
        ("http://[2001:DB8:0:0::1]", "http://[2001:db8::1]"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://BÜCHER.example", "https://xn--bcher-kva.example"),
        ("https://straße.example", "https://xn--strae-oqa.example"),
        ("https://βόλος.com", "https://xn--nxasmm1c.com"),
        ("https://क्\u200dष.example", "https://xn--11b2ezcw70k.example"),
        ("http://callmark_gateway:8700", "http://callmark_gateway:8700"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_the_public_url_is_spelled_as_browsers_spell_an_origin(given: str, used: str) -> None:
    settings = read_settings({"CALLMARK_PUBLIC_URL": given})
    assert settings.public_url == used
    assert read_settings(to_environ(settings)).public_url == used


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("calls.example.com", "http:// or https://"),
        ("calls.example.com:8700", "http:// or https://"),
        ("//calls.example.com", "http:// or https://"),
        ("ftp://x", "http:// or https://"),
        ("ws://calls.example.com", "http:// or https://"),
        ("https://", "name a host"),
        ("https:///console", "not have a path"),
        ("https://calls.example.com/callmark", "not have a path"),
        ("https://calls.example.com?", "not have a query"),
        ("https://calls.example.com/?a=b", "not have a query"),
        ("https://calls.example.com#top", "fragment"),
        ("https://alice:geheim@calls.example.com", "user name or a password"),
        ("https://calls.example.com:0", "port"),
        ("https://calls.example.com:port", "port"),
        ("https://calls.example.com:70000", "port"),
        ("https://calls example.com", "a space"),
        ("https://calls.example.com, https://other.example.com", "a space"),
        ("https://-calls.example.com", "host name"),
        ("https://calls..example.com", "host name"),
        ("https://☕.example", "xn--"),
        ("https://300.1.1.1", "host name"),
        ("https://[::1", "URL"),
    ],
)
def test_a_public_url_that_cannot_be_meant_stops_the_start(given: str, why: str) -> None:
    with pytest.raises(SetupError, match="CALLMARK_PUBLIC_URL is invalid: ") as told:
        read_settings({"CALLMARK_PUBLIC_URL": given})
    assert why in told.value.message
    assert "geheim" not in told.value.message


@pytest.mark.parametrize(
    ("variable", "given", "used"),
    [
        ("CALLMARK_OBJECT_STORE", "S3://calls/files/", "s3://calls/files"),
        ("CALLMARK_SMTP_HOST", "mail.straße.example", "mail.xn--strae-oqa.example"),
        ("CALLMARK_OBJECT_STORE", "s3://calls/", "s3://calls"),
        ("CALLMARK_OBJECT_STORE", "s3://calls//a//b", "s3://calls/a/b"),
        ("CALLMARK_HOST", "LOCALHOST", "localhost"),
        ("CALLMARK_HOST", "[::1]", "::1"),
        ("CALLMARK_SMTP_HOST", " Mail.Example.com ", "mail.example.com"),
        ("CALLMARK_EMULATOR_HOSTS", " Devbox. , [::1],,", "devbox,::1"),
        ("CALLMARK_FCM_URL", "HTTP://Fcm.example:9000/v1?a=b", "http://fcm.example:9000/v1?a=b"),
    ],
)
def test_the_other_addresses_have_one_spelling_too(variable: str, given: str, used: str) -> None:
    settings = read_settings({variable: given, "CALLMARK_MAIL_FROM": "no-reply@example.com"})
    assert getattr(settings, variable.removeprefix("CALLMARK_").lower()) == used


@pytest.mark.parametrize(
    ("variable", "given"),
    [
        ("CALLMARK_OBJECT_STORE", "calls/files"),
        ("CALLMARK_OBJECT_STORE", "https://calls.s3.amazonaws.com"),
        ("CALLMARK_OBJECT_STORE", "s3:///files"),
        ("CALLMARK_OBJECT_STORE", "s3://key:geheim@calls"),
        ("CALLMARK_OBJECT_STORE", "s3://calls?region=eu-west-1"),
        ("CALLMARK_OBJECT_STORE", "s3://Calls"),
        ("CALLMARK_HOST", "http://127.0.0.1"),
        ("CALLMARK_HOST", "127.0.0.1:8700"),
        ("CALLMARK_HOST", "127.0.0.256"),
        ("CALLMARK_HOST", ""),
        ("CALLMARK_SMTP_HOST", "smtp://mail.example.com"),
        ("CALLMARK_SMTP_HOST", "mail.example.com:587"),
        ("CALLMARK_SMTP_HOST", "alice@mail.example.com"),
        ("CALLMARK_POSTGRES_DSN", "db.example.com/geheim"),
        ("CALLMARK_POSTGRES_DSN", "host=db password=geheim"),
        ("CALLMARK_POSTGRES_DSN", "mysql://callmark:geheim@db/callmark"),
        ("CALLMARK_POSTGRES_DSN", "postgresql://callmark:geheim@[db]/callmark"),
        ("CALLMARK_POSTGRES_DSN", "postgresql://callmark:geheim@db:port/callmark"),
        ("CALLMARK_POSTGRES_DSN", "postgresql://callmark:geheim@a,b/callmark?port=1,2,3"),
        ("CALLMARK_NATS_URL", "http://callmark:geheim@nats.example.com"),
        ("CALLMARK_NATS_URL", "nats://nats.example.com:4222, amqp://callmark:geheim@mq.example.com"),
        ("CALLMARK_NATS_URL", " , "),
        ("CALLMARK_NATS_URL", "nats://"),
        ("CALLMARK_NATS_URL", "nats:///x"),
        ("CALLMARK_NATS_URL", "nats://callmark:geheim@:4222"),
        ("CALLMARK_NATS_URL", "nats://callmark:geheim,1@nats.example.com"),
        ("CALLMARK_NATS_URL", "nats://nats.example.com:99999"),
        ("CALLMARK_NATS_URL", "nats://nats.example.com:0"),
        ("CALLMARK_NATS_URL", "nats://[::1"),
        ("CALLMARK_NATS_URL", "nats://call%3amark:geheim@nats.example.com"),
        ("CALLMARK_EMULATOR_HOSTS", "http://devbox"),
        ("CALLMARK_EMULATOR_HOSTS", "devbox:8700"),
        ("CALLMARK_FCM_URL", "fcm.example"),
    ],
)
def test_other_addresses_that_cannot_be_meant_stop_the_start(variable: str, given: str) -> None:
    with pytest.raises(SetupError, match=variable) as told:
        read_settings({variable: given, "CALLMARK_MAIL_FROM": "no-reply@example.com"})
    assert "geheim" not in told.value.message


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("NATS://Nats.example:4222", "nats://Nats.example:4222"),
        (" nats.example , tls://[::1]:4222", "nats.example,tls://[::1]:4222"),
        ("nats://callmark:a#b/c?d@nats.example", "nats://callmark:a%23b%2Fc%3Fd@nats.example"),
        ("nats://callmark:a%23b%2fc%2C@nats.example", "nats://callmark:a%23b%2Fc%2C@nats.example"),
        ("nats://callmark:[a]@@nats.example,b", "nats://callmark:%5Ba%5D%40@nats.example,b"),
        ("callmark:100%@nats.example", "callmark:100%25@nats.example"),
        ("nats://a:b:c@nats.example", "nats://a:b%3Ac@nats.example"),
        ("nats://token@nats.example", "nats://token@nats.example"),
    ],
)
def test_a_password_for_nats_is_written_as_a_url_has_it(given: str, used: str) -> None:
    settings = read_settings({"CALLMARK_NATS_URL": given})
    assert settings.reached_nats == used
    assert read_settings(to_environ(settings)).reached_nats == used


def test_an_emulator_that_listens_on_the_loopback_in_another_spelling_starts() -> None:
    assert read_settings({"CALLMARK_EMULATOR": "true", "CALLMARK_HOST": "LocalHost"}).host == "localhost"


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgresql://callmark:p[1]#2@db/callmark", "postgresql://callmark:p%5B1%5D%232@db/callmark"),
        ("Postgres://callmark:p%40x@a,[::1]:6000/callmark", "postgres://callmark:p%40x@a,[::1]:6000/callmark"),
        ("postgresql:///callmark?host=/run/a", "postgresql:///callmark?host=/run/a"),
    ],
)
def test_what_a_url_cannot_hold_is_encoded_in_the_password_of_the_database(given: str, used: str) -> None:
    """To Python's own reading of URLs a bracket is a part of an address, wherever it stands."""
    settings = read_settings({"CALLMARK_POSTGRES_DSN": given})
    assert settings.reached_postgres == used
