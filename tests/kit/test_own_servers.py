"""What httpx holds servers of this installation against."""

import ssl

import pytest

from callmark.kit.own_servers import httpx_verify


@pytest.mark.parametrize("urls", [["http://127.0.0.1:8700"], ["http://127.0.0.1:1", "http://[::1]:2"]])
def test_no_certificate_is_read_for_servers_that_are_asked_without_tls_and_none_by_tls_would_pass(
    urls: list[str],
) -> None:
    context = httpx_verify(*urls)
    assert isinstance(context, ssl.SSLContext)
    assert context.cert_store_stats()["x509"] == 0
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("urls", [["https://calls.example"], ["http://127.0.0.1:1", "https://calls.example"]])
def test_a_server_by_tls_is_held_against_the_certificates_that_httpx_finds(urls: list[str]) -> None:
    assert httpx_verify(*urls) is True
