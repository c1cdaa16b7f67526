"""A call is signed, and verified on the other side: what counts, and every attack that must not."""

import dataclasses
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from msgspec.structs import replace
from tests.passport.parties import CALL, CALLEE, CALLER, ICON, NOW, ORIGID, PNG, X5U, Network, make_network, pem

from callmark.passport import (
    Attestation,
    CallParties,
    ClaimConstraints,
    Claims,
    InvalidPassport,
    Kind,
    NumberRange,
    Party,
    PassportError,
    Reason,
    RichCallData,
    Signer,
    Verified,
    check_call,
    check_chain,
    digest,
    issue,
    make_issuer,
    make_key,
    make_root,
    pick,
    read_chain,
    read_identity,
    verify,
    verify_signed,
)
from callmark.passport.authority import TnAuthList
from callmark.passport.encoding import signed_form, to_base64url


def checked(
    network: Network, header: str, *, chain: bytes | None = None, call: CallParties = CALL, after_s: float = 0
) -> Verified:
    now = NOW + timedelta(seconds=after_s)
    return verify(header, call, network.chain if chain is None else chain, [network.root], now=now)


def refusal(
    network: Network, header: str, *, chain: bytes | None = None, call: CallParties = CALL, after_s: float = 0
) -> PassportError:
    with pytest.raises(PassportError) as caught:
        checked(network, header, chain=chain, call=call, after_s=after_s)
    return caught.value


# what counts ----------------------------------------------------------------------------------------------------------


def test_the_other_side_reads_name_icon_and_reason(network: Network) -> None:
    header = network.branded()
    assert read_identity(header).x5u == X5U
    verified = checked(network, header)
    assert verified.claims.rcd == RichCallData("Acme Bank", ICON)
    assert verified.claims.reason == "Your order"
    assert verified.passport.kind is Kind.RCD


def test_a_certificate_that_was_checked_serves_many_calls_until_it_expires(network: Network) -> None:
    passport = read_identity(network.branded())
    with pytest.raises(PassportError) as stale:
        check_call(passport, CALL, now=NOW + timedelta(seconds=61))
    assert stale.value.reason is Reason.STALE_DATE
    check_call(passport, CALL, now=NOW)
    kept = check_chain(read_chain(network.chain), [network.root], now=NOW)
    assert kept.valid_until == network.certificate.not_valid_after_utc < network.root.not_valid_after_utc
    assert verify_signed(passport, CALL, kept).claims.reason == "Your order"
    forged = dataclasses.replace(passport, signature=bytes(64))
    with pytest.raises(InvalidPassport, match="the signature does not match"):
        verify_signed(forged, CALL, kept)


def test_how_well_the_caller_is_known_travels_with_the_call(network: Network) -> None:
    header = network.signer.shaken(f"+{CALLER}", [CALLEE], Attestation.FULL, ORIGID, now=NOW)
    claims = checked(network, header).claims
    assert (claims.attest, claims.origid) == (Attestation.FULL, ORIGID)
    assert header.endswith(f';info=<{X5U}>;alg=ES256;ppt="shaken"')


@pytest.mark.parametrize("reason", ["", "x" * 100, 'It\'s "ready"; ring back\\', "Заказ 7 · 请取件", "\U0001d49ccme"])
def test_any_text_that_people_write_travels(network: Network, reason: str) -> None:
    assert checked(network, network.branded(reason=reason)).claims.reason == reason


def test_an_icon_is_trusted_by_its_bytes(network: Network) -> None:
    verified = checked(network, network.branded())
    assert verified.trusts({ICON: PNG}) == {"/icn": True}
    assert verified.trusts({ICON: b"another logo"}) == {"/icn": False}
    assert verified.trusts({}) == {"/icn": None}


def test_a_range_and_a_provider_s_code_speak_for_numbers(network: Network) -> None:
    shaken = network.signer.shaken(CALLER, [CALLEE], Attestation.PARTIAL, ORIGID, now=NOW)
    ranged = network.certificate_for(ranges=(NumberRange("12025550990", 20),))
    assert checked(network, network.branded(), chain=ranged)
    provider = network.certificate_for(codes=("1234",))
    assert checked(network, shaken, chain=provider)
    assert refusal(network, network.branded(), chain=provider).reason is Reason.UNSUPPORTED_CREDENTIAL


def test_an_issuer_between_root_and_signer_is_part_of_the_file(network: Network) -> None:
    middle_key = make_key()
    middle = make_issuer("middle", middle_key.public_key(), network.root, network.root_key, now=NOW)
    key = make_key()
    leaf = issue("acme", key.public_key(), middle, middle_key, TnAuthList.of([CALLER]), now=NOW)
    header = replace(network, key=key).branded()
    assert checked(network, header, chain=pem(leaf, middle))
    assert "trusted root" in refusal(network, header, chain=pem(leaf)).detail


# attacks --------------------------------------------------------------------------------------------------------------


def test_a_token_of_someone_else_s_root_does_not_count(network: Network) -> None:
    rogue = make_network()
    assert refusal(network, rogue.branded(), chain=rogue.chain).reason is Reason.UNSUPPORTED_CREDENTIAL


def test_a_token_with_another_key_s_signature_does_not_count(network: Network) -> None:
    assert refusal(network, replace(network, key=make_key()).branded()).detail == "the signature does not match"


def test_a_token_about_another_call_does_not_count(network: Network) -> None:
    header = network.branded()
    assert "someone else" in refusal(network, header, call=CallParties.of(CALLER, "12025559999")).detail
    assert "another caller" in refusal(network, header, call=CallParties.of("12025559999", CALLEE)).detail


@pytest.mark.parametrize(("after_s", "counts"), [(60, True), (61, False), (-60, True), (-61, False)])
def test_a_token_counts_for_a_minute(network: Network, after_s: int, *, counts: bool) -> None:
    header = network.branded()
    if counts:
        assert checked(network, header, after_s=after_s)
    else:
        assert refusal(network, header, after_s=after_s).reason is Reason.STALE_DATE


def test_a_name_that_was_changed_on_the_way_does_not_count(network: Network) -> None:
    header = network.branded()
    token, _, parameters = header.partition(";")
    head, _, signature = token.split(".")
    values = read_identity(header).claims.as_json() | {"rcd": {"nam": "Evil Bank", "icn": ICON}}
    forged = f"{head}.{to_base64url(signed_form(values))}.{signature};{parameters}"
    assert refusal(network, forged).detail == "the signature does not match"


def test_the_compact_form_does_not_count(network: Network) -> None:
    token, _, parameters = network.branded().partition(";")
    assert "compact form" in refusal(network, f"..{token.split('.')[2]};{parameters}").detail


@pytest.mark.parametrize("critical", [["b64"], []])
def test_a_token_with_critical_parameters_does_not_count(network: Network, critical: list[str]) -> None:
    _, claims, _ = network.branded().partition(";")[0].split(".")
    head = {"alg": "ES256", "typ": "passport", "ppt": "rcd", "x5u": X5U, "crit": critical, "b64": True}
    signed = f"{to_base64url(signed_form(head))}.{claims}"
    numbers = decode_dss_signature(network.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    token = f"{signed}.{to_base64url(b''.join(one.to_bytes(32) for one in numbers))}"
    problem = refusal(network, f'{token};info=<{X5U}>;alg=ES256;ppt="rcd"')
    assert (problem.reason, "critical" in problem.detail) == (Reason.INVALID_IDENTITY, True)


def test_a_number_outside_the_certificate_does_not_count(network: Network) -> None:
    problem = refusal(network, network.branded(), chain=network.certificate_for("12025559999"))
    assert (problem.reason, problem.detail) == (
        Reason.UNSUPPORTED_CREDENTIAL,
        "the certificate is not for the caller's number",
    )


@pytest.mark.parametrize(
    "constraints",
    [
        ClaimConstraints(must_exclude=("crn",)),
        ClaimConstraints(must_include=("attest",)),
        ClaimConstraints(permitted={"rcdi": (f'{{"/icn":"{digest(b"another logo")}"}}',)}),
    ],
)
def test_claims_outside_the_certificate_s_constraints_do_not_count(
    network: Network, constraints: ClaimConstraints
) -> None:
    problem = refusal(network, network.branded(), chain=network.certificate_for(CALLER, constraints=constraints))
    assert problem.detail.startswith("the certificate ")


def test_claims_inside_the_constraints_count(network: Network) -> None:
    permitted = (signed_form({"/icn": digest(PNG)}).decode(),)
    constraints = ClaimConstraints(must_include=("rcd",), permitted={"rcdi": permitted}, must_exclude=("rph",))
    assert checked(network, network.branded(), chain=network.certificate_for(CALLER, constraints=constraints))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("info=<", "info=<https://else.example/", "parameter info"),
        ('ppt="rcd"', 'ppt="shaken"', "parameter ppt"),
        (';ppt="rcd"', "", "parameter ppt"),
        ('ppt="rcd"', 'ppt="div"', "parameter ppt"),
        ("alg=ES256", "alg=none", "parameter alg"),
        ("alg=ES256", "alg=ES256;ALG=ES256", "appears twice"),
        ("alg=ES256", "alg=ES256" + "".join(f";p{one}=1" for one in range(14)), "more than 16 parameters"),
        (f";info=<{X5U}>", "", "no parameter info"),
        ("alg=ES256", "alg=ES256;=", "cannot be read"),
        (".", "..", "three parts"),
        (";", "=;", "cannot be read"),
        ("ey", "ey" * 50_000, "too long"),
        ("ey", "<", "begin with a token"),
        ('ppt="rcd"', 'ppt="RCD"', "parameter ppt"),
        ('ppt="rcd"', "ppt", "parameter ppt has no value"),
        ("alg=ES256", "alg", "parameter alg has no value"),
        ("alg=ES256", "alg=ES256;x=", "cannot be read"),
        ("alg=ES256", 'alg=ES256;x="', "cannot be read"),
        ("alg=ES256", 'alg=ES256;x="a\\"', "cannot be read"),
        ("alg=ES256", 'alg=ES256;x="a\nb"', "cannot be read"),
        ("alg=ES256", "alg=ES256;x=a@b", "cannot be read"),
        ("alg=ES256", 'alg=ES256;x="' + "a" * 40_000, "cannot be read"),
    ],
)
def test_a_header_that_contradicts_its_token_does_not_count(network: Network, old: str, new: str, said: str) -> None:
    header = network.branded().replace(old, new, 1)
    problem = refusal(network, header)
    assert problem.reason is Reason.INVALID_IDENTITY
    assert said in problem.detail


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('ppt="rcd"', "ppt=rcd"),
        ('ppt="rcd"', "PPT=RCD"),
        ('ppt="rcd"', r'ppt="r\cd"'),
        ("alg=ES256", "Alg=es256"),
        ("alg=ES256", "alg=ES256;foo"),
        ("alg=ES256", "foo ; alg = ES256 ;\tbar"),
        ("alg=ES256", "alg=ES256;x=a!b%c*d;y.z=[2001:db8::1]"),
        ("alg=ES256", r'alg=ES256;x="a \"b\" \\";y=""'),
        ("alg=ES256", 'alg=ES256;x="a;info=<https://else.example>"'),
    ],
)
def test_a_header_in_any_form_that_sip_allows_counts(network: Network, old: str, new: str) -> None:
    header = network.branded()
    assert old in header
    assert checked(network, header.replace(old, new, 1)).claims.rcd


def test_a_third_party_is_heard_beside_the_caller_s_own_provider_only(network: Network) -> None:
    rcd = RichCallData("Acme by Brandy")
    theirs = Claims(
        orig=Party.of(CALLER), dest=Party.of(CALLEE), issued_at=int(NOW.timestamp()), rcd=rcd, issuer="Brandy"
    )
    third = checked(network, network.signer.sign(theirs, Kind.RCD))
    own, gateway = (
        checked(network, network.signer.shaken(CALLER, [CALLEE], attest, ORIGID, now=NOW))
        for attest in (Attestation.FULL, Attestation.GATEWAY)
    )
    assert pick([third]) is None
    assert pick([own, third]) is third
    assert pick([gateway, third]) is None
    assert pick([own]) is None
    assert pick([]) is None


def test_a_gateway_s_token_names_nobody(network: Network) -> None:
    call = Claims(orig=Party.of(CALLER), dest=Party.of(CALLEE), issued_at=int(NOW.timestamp()), origid=ORIGID)
    for claim in ({"rcd": RichCallData("Big Bank")}, {"reason": "Your card"}):
        partial, gateway = (
            checked(network, network.signer.sign(dataclasses.replace(call, attest=attest, **claim), Kind.SHAKEN))
            for attest in (Attestation.PARTIAL, Attestation.GATEWAY)
        )
        assert pick([gateway]) is None
        assert pick([gateway, partial]) is partial
    branded = checked(network, network.branded())
    assert pick([gateway, branded]) is branded


# hostile certificates -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "said"), [(-40, "expired"), (1, "not valid yet")])
def test_a_certificate_outside_its_time_does_not_count(network: Network, days: int, said: str) -> None:
    chain = network.certificate_for(CALLER, now=NOW + timedelta(days=days))
    problem = refusal(network, network.branded(), chain=chain)
    assert (problem.reason, said in problem.detail) == (Reason.UNSUPPORTED_CREDENTIAL, True)


@pytest.mark.parametrize(
    "junk", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"x" * 70_000]
)
def test_a_file_without_a_certificate_is_bad_identity_info(network: Network, junk: bytes) -> None:
    assert refusal(network, network.branded(), chain=junk).reason is Reason.BAD_IDENTITY_INFO


def test_an_authority_renewed_with_its_key_counts_beside_its_expired_certificate(network: Network) -> None:
    long_ago, header = NOW - timedelta(days=60), network.branded()
    old = make_root("Test root", network.root_key, now=long_ago, days=30)
    for roots in ([old, network.root], [network.root, old]):
        assert verify(header, CALL, network.chain, roots, now=NOW).claims.rcd
    key = make_key()
    expired, renewed = (
        make_issuer("between", key.public_key(), network.root, network.root_key, now=since, days=30)
        for since in (long_ago, NOW)
    )
    leaf = issue("acme", network.key.public_key(), renewed, key, TnAuthList.of([CALLER]), now=NOW)
    for between in ([expired, renewed], [renewed, expired]):
        assert verify(header, CALL, pem(leaf, *between), [network.root], now=NOW).claims.rcd
    assert "expired" in refusal(network, network.branded(), chain=pem(leaf, expired)).detail


def test_a_file_of_many_certificates_is_not_worked_through(network: Network) -> None:
    assert "more than 5" in refusal(network, network.branded(), chain=network.chain * 6).detail


def test_certificates_in_a_circle_lead_nowhere(network: Network) -> None:
    one_key, other_key = make_key(), make_key()
    one = make_issuer("one", one_key.public_key(), make_root("other", other_key, now=NOW), other_key, now=NOW)
    other = make_issuer("other", other_key.public_key(), one, one_key, now=NOW)
    leaf = issue("acme", network.key.public_key(), one, one_key, TnAuthList.of([CALLER]), now=NOW)
    assert "trusted root" in refusal(network, network.branded(), chain=pem(leaf, one, other)).detail


def test_a_business_cannot_issue_certificates(network: Network) -> None:
    key = make_key()
    leaf = issue("evil", key.public_key(), network.certificate, network.key, TnAuthList.of([CALLER]), now=NOW)
    header = replace(network, key=key).branded()
    assert "may not issue" in refusal(network, header, chain=pem(leaf, network.certificate)).detail


def test_the_root_does_not_sign_tokens(network: Network) -> None:
    header = replace(network, key=network.root_key).branded()
    assert "itself a root" in refusal(network, header, chain=pem(network.root)).detail


def test_a_key_on_another_curve_does_not_count(network: Network) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    leaf = issue("acme", key.public_key(), network.root, network.root_key, TnAuthList.of([CALLER]), now=NOW)
    assert "P-256" in refusal(network, network.branded(), chain=pem(leaf)).detail
    with pytest.raises(InvalidPassport, match="P-256"):
        Signer(key, X5U).shaken(CALLER, [CALLEE], Attestation.FULL, ORIGID, now=NOW)


# signing --------------------------------------------------------------------------------------------------------------


def test_an_icon_without_its_bytes_is_not_signed(network: Network) -> None:
    with pytest.raises(KeyError):
        network.signer.rich_call_data(CALLER, [CALLEE], RichCallData("Acme", ICON), now=NOW)
    claims = Claims(orig=Party.of(CALLER), dest=Party.of(CALLEE), issued_at=1, rcd=RichCallData("Acme", ICON))
    with pytest.raises(InvalidPassport, match="no digest of /icn"):
        network.signer.sign(claims, Kind.RCD)


@pytest.mark.parametrize("name", ["two\r\nlines", "null\x00", "sep\u2028arator", "half \ud800"])
def test_a_name_that_could_break_a_header_is_not_signed(network: Network, name: str) -> None:
    with pytest.raises(InvalidPassport):
        network.branded(name=name, icon=None)


def test_plain_http_is_for_tests_only(network: Network) -> None:
    address = "http://127.0.0.1:8700/certificate.pem"
    with pytest.raises(InvalidPassport, match="https"):
        Signer(network.key, address).shaken(CALLER, [CALLEE], Attestation.FULL, ORIGID, now=NOW)
    header = Signer(network.key, address, plain_http=True).shaken(CALLER, [CALLEE], Attestation.FULL, ORIGID, now=NOW)
    assert "https" in refusal(network, header).detail
    assert verify(header, CALL, network.chain, [network.root], now=NOW, plain_http=True)
