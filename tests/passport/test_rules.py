"""Each rule of claims, digests, certificates' extensions and headers; and nothing breaks any parser."""

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given, strategies as st
from tests.passport.parties import CALLEE, CALLER, ICON, ORIGID, PNG, Network

from callmark.passport import (
    CallInfo,
    ClaimConstraints,
    Claims,
    InvalidPassport,
    Kind,
    NumberRange,
    Party,
    PassportError,
    Reason,
    TnAuthList,
    call_info,
    canonical_number,
    check_digests,
    der,
    digest,
    make_digests,
    read_call_info,
    read_chain,
    read_identity,
)
from callmark.passport.call_info import MOST_REASON, shortened
from callmark.passport.claims import read_claims
from callmark.passport.encoding import from_base64url, read_object, to_base64url
from callmark.passport.numbers import is_canonical

BASE: dict[str, Any] = {"orig": {"tn": CALLER}, "dest": {"tn": [CALLEE]}, "iat": 1_700_000_000}
RCD: dict[str, Any] = {**BASE, "rcd": {"nam": "Acme"}}
SHAKEN: dict[str, Any] = {**BASE, "attest": "A", "origid": ORIGID}
SHA256 = digest(PNG)
FIT: list[tuple[Kind, dict[str, Any]]] = [
    (Kind.BASE, BASE),
    (Kind.SHAKEN, SHAKEN),
    (Kind.SHAKEN, SHAKEN | {"rcd": {"nam": "Acme"}, "crn": "Order"}),
    (Kind.RCD, RCD),
    (Kind.RCD, BASE | {"crn": "Order"}),
    (Kind.RCD, BASE | {"rcd": {"nam": ""}}),
    (Kind.RCD, BASE | {"rcd": {"nam": "Acme", "icn": ICON}, "rcdi": {"/icn": SHA256}}),
    (Kind.RCD, BASE | {"rcd": {"nam": "Acme", "jcd": ["vcard", []]}, "other": [1]}),
    (Kind.BASE, BASE | {"dest": {"uri": ["sip:a@b.example"], "tn": [CALLEE, CALLER]}, "orig": {"uri": "sip:c@d"}}),
]
BROKEN: list[tuple[Kind, dict[str, Any], str]] = [
    (Kind.BASE, BASE | {"orig": {"tn": CALLER, "uri": "sip:a@b"}}, "orig"),
    (Kind.BASE, BASE | {"orig": {"tn": "+12025551000"}}, "digits"),
    (Kind.BASE, BASE | {"orig": {"tn": "\uff11\uff12"}}, "digits"),
    (Kind.BASE, BASE | {"orig": {"tn": 12025551000}}, "digits"),
    (Kind.BASE, BASE | {"orig": {"tn": "1" * 16}}, "digits"),
    (Kind.BASE, BASE | {"orig": {"name": "Acme"}}, "other than tn and uri"),
    (Kind.BASE, BASE | {"orig": CALLER}, "orig"),
    (Kind.BASE, BASE | {"dest": {"tn": CALLEE}}, "dest"),
    (Kind.BASE, BASE | {"dest": {"tn": []}}, "dest"),
    (Kind.BASE, BASE | {"dest": {}}, "dest"),
    (Kind.BASE, BASE | {"dest": None}, "dest"),
    (Kind.BASE, BASE | {"iat": "1700000000"}, "iat"),
    (Kind.BASE, BASE | {"iat": True}, "iat"),
    (Kind.BASE, BASE | {"iat": -0.5}, "iat"),
    (Kind.BASE, BASE | {"iat": float("inf")}, "iat"),
    (Kind.BASE, BASE | {"iat": 10**30}, "iat"),
    (Kind.BASE, {key: value for key, value in BASE.items() if key != "iat"}, "iat"),
    (Kind.SHAKEN, BASE, "attest"),
    (Kind.SHAKEN, SHAKEN | {"attest": "D"}, "A, B or C"),
    (Kind.SHAKEN, SHAKEN | {"attest": 1}, "attest"),
    (Kind.SHAKEN, SHAKEN | {"origid": "1"}, "UUID"),
    (Kind.SHAKEN, SHAKEN | {"origid": f"{{{ORIGID}}}"}, "UUID"),
    (Kind.SHAKEN, SHAKEN | {"dest": {"uri": ["sip:a@b"]}}, "telephone number"),
    (Kind.RCD, BASE, "rcd or crn"),
    (Kind.RCD, BASE | {"rcd": "Acme"}, "object"),
    (Kind.RCD, BASE | {"rcd": {}}, "no nam"),
    (Kind.RCD, BASE | {"rcd": {"nam": None}}, "nam"),
    (Kind.RCD, BASE | {"rcd": {"nam": "a", "jcd": [], "jcl": ICON}}, "both"),
    (Kind.RCD, BASE | {"rcd": {"nam": "a", "jcd": {}}}, "jCard"),
    (Kind.RCD, BASE | {"rcd": {"nam": "a", "icn": ICON}}, "no digest of /icn"),
    (Kind.RCD, BASE | {"rcd": {"nam": "a", "icn": "data:image/png,x"}, "rcdi": {"/icn": SHA256}}, "https"),
    (Kind.RCD, BASE | {"rcd": {"nam": "a", "icn": 'https://a"b'}, "rcdi": {"/icn": SHA256}}, "https"),
    (Kind.RCD, BASE | {"rcd": {"nam": "a", "icn": "https://[::1"}, "rcdi": {"/icn": SHA256}}, "https"),
    (Kind.RCD, RCD | {"rcdi": {"/icn": "md5-AAAA"}}, "digests"),
    (Kind.RCD, RCD | {"rcdi": {"/nam": SHA256[:-1]}}, "digests"),
    (Kind.RCD, RCD | {"rcdi": {"nam": SHA256}}, "digests"),
    (Kind.RCD, RCD | {"rcdi": {}}, "digests"),
    (Kind.RCD, RCD | {"rcdi": []}, "digests"),
    (Kind.RCD, BASE | {"crn": "a\r\nX: b"}, "control"),
    (Kind.BASE, BASE | {"rcdi": {"/nam": SHA256}}, "without the claim rcd"),
]


@pytest.mark.parametrize(
    ("kind", "values"),
    FIT,
)
def test_claims_that_fit_are_read_and_written_as_they_were(kind: Kind, values: dict[str, Any]) -> None:
    assert read_claims(kind, values).as_json() == values


@pytest.mark.parametrize("iat", [1_700_000_000.0, 1_700_000_000.999])
def test_a_date_with_a_fraction_is_read_in_seconds(iat: float) -> None:
    assert repr(read_claims(Kind.BASE, BASE | {"iat": iat}).issued_at) == "1700000000"


def test_an_address_of_endless_combining_marks_is_none() -> None:
    endless = "https://a" + "\u0300" * 400_000 + "\u0316" * 400_000 + ".example"  # to put these in order takes minutes
    with pytest.raises(InvalidPassport, match="https"):
        read_claims(Kind.RCD, BASE | {"rcd": {"nam": "a", "icn": endless}, "rcdi": {"/icn": SHA256}})


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    BROKEN,
)
def test_claims_that_break_a_rule_do_not_count(kind: Kind, values: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidPassport, match=said):
        read_claims(kind, values)


# digests --------------------------------------------------------------------------------------------------------------


def test_a_digest_without_the_address_s_content_vouches_for_nothing() -> None:
    rcd = {"nam": "Acme", "icn": ICON}
    assert check_digests(rcd, {}, {ICON: PNG}) == {"/icn": False}
    assert check_digests(rcd, {"/nam": digest(b'"Acme"'), "/gone": SHA256}, {}) == {
        "/icn": False,
        "/nam": True,
        "/gone": False,
    }


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_each_algorithm_matches_with_and_without_padding(algorithm: str) -> None:
    rcd, found = {"icn": ICON}, digest(PNG, algorithm)
    for spelling in (found, found + "=" * (-len(found.split("-")[1]) % 4)):
        assert check_digests(rcd, {"/icn": spelling}, {ICON: PNG}) == {"/icn": True}


def test_what_a_jcard_points_at_has_digests_of_its_own() -> None:
    jcard: list[Any] = ["vcard", [["fn", {}, "text", "Acme"], ["logo", {}, "uri", ICON], "junk", ["x"]]]
    inline: dict[str, Any] = {"nam": "Acme", "jcd": jcard}
    assert make_digests(inline, {ICON: PNG}) == {"/jcd/1/1/3": SHA256}
    assert check_digests(inline, {"/jcd/1/1/3": SHA256}, {ICON: PNG}) == {"/jcd/1/1/3": True}
    url, text = "https://brand.example/card.json", json.dumps(jcard).encode()
    linked = {"nam": "Acme", "jcl": url}
    digests = {"/jcl": digest(text), "/jcl/1/1/3": SHA256, "/jcl/1/0/3": digest(b'"Acme"'), "/jcl/1/0/01": SHA256}
    found = check_digests(linked, digests, {ICON: PNG, url: text})
    assert found == {"/jcl": True, "/jcl/1/1/3": True, "/jcl/1/0/3": True, "/jcl/1/0/01": False}
    assert check_digests(linked, digests, {url: b"no JSON"})["/jcl/1/0/3"] is False
    assert set(check_digests(linked, digests, {}).values()) == {None}


# certificates' extensions ---------------------------------------------------------------------------------------------


@given(
    numbers=st.frozensets(st.from_regex(r"[0-9]{1,15}", fullmatch=True), max_size=5),
    ranges=st.lists(st.tuples(st.from_regex(r"[0-8][0-9]{3,14}", fullmatch=True), st.integers(2, 1000)), max_size=3),
    codes=st.lists(st.from_regex(r"[A-Z0-9]{1,8}", fullmatch=True), min_size=1, max_size=3),
)
def test_a_tn_auth_list_is_read_as_it_was_written(
    numbers: frozenset[str], ranges: list[tuple[str, int]], codes: list[str]
) -> None:
    built = TnAuthList(numbers, tuple(NumberRange(*one) for one in ranges), tuple(codes))
    assert TnAuthList.decode(built.encode()) == built
    assert all(built.covers(number) for number in numbers)
    for start, count in ranges:
        last = str(int(start) + count - 1).zfill(len(start))
        assert built.covers(start)
        assert built.covers(last)


@pytest.mark.parametrize(
    ("number", "covered"),
    [
        ("0100", True),
        ("0109", True),
        ("0110", False),
        ("0099", False),
        ("100", False),
        ("00100", False),
        ("01*0", False),
    ],
)
def test_a_range_holds_numbers_of_its_length_alone(number: str, *, covered: bool) -> None:
    assert TnAuthList.of(ranges=[NumberRange("0100", 10)]).covers(number) is covered


@pytest.mark.parametrize(
    "bad", [TnAuthList(), TnAuthList.of(ranges=[NumberRange("9999", 2)]), TnAuthList.of(ranges=[NumberRange("12", 1)])]
)
def test_a_list_that_allows_nothing_or_runs_over_is_not_written(bad: TnAuthList) -> None:
    with pytest.raises(ValueError, match=r"allows nothing|not a range"):
        bad.encode()


names = st.lists(st.from_regex(r"[a-z]{1,12}", fullmatch=True), max_size=4).map(tuple)


@given(
    must=names,
    permitted=st.dictionaries(
        st.from_regex(r"[a-z]{1,9}", fullmatch=True),
        st.lists(st.text(max_size=9).filter(lambda text: text.isprintable()), min_size=1).map(tuple),
        min_size=1,
        max_size=3,
    ),
    excluded=names,
)
def test_claim_constraints_are_read_as_they_were_written(
    must: tuple[str, ...], permitted: dict[str, tuple[str, ...]], excluded: tuple[str, ...]
) -> None:
    built = ClaimConstraints(must, permitted, excluded)
    assert ClaimConstraints.decode(built.encode()) == built


def test_the_older_extension_excludes_nothing() -> None:
    value = ClaimConstraints(must_exclude=("crn",)).encode()
    with pytest.raises(der.DerError):
        ClaimConstraints.decode(value, enhanced=False)
    older = ClaimConstraints(("rcd",), {"attest": ("A",)}).encode()
    assert ClaimConstraints.decode(older, enhanced=False).must_include == ("rcd",)


# headers --------------------------------------------------------------------------------------------------------------


@given(reason=st.text(max_size=100), icon=st.sampled_from([None, ICON]), integrity=st.sampled_from([None, SHA256]))
def test_a_phone_reads_what_call_info_says_and_nothing_else(
    reason: str, icon: str | None, integrity: str | None
) -> None:
    text = call_info(icon, reason, integrity=integrity)
    assert "\r" not in text
    assert "\n" not in text
    if not text:
        assert (icon, reason) == (None, "")
        return
    [read] = read_call_info(text)
    assert (read.address, read.purpose, read.verified) == ((icon or ""), "icon" if icon else "jcard", True)
    assert len(read.reason or "") <= MOST_REASON
    assert (read.reason or "") == shortened(reason)


def test_a_long_reason_ends_with_an_ellipsis() -> None:
    [read] = read_call_info(call_info(None, "y" * 65))
    assert read.reason == "y" * 63 + "…"
    [whole] = read_call_info(call_info(None, "y" * 64))
    assert whole.reason == "y" * 64


def test_an_address_cannot_end_the_header() -> None:
    with pytest.raises(ValueError, match="cannot be part"):
        str(CallInfo("https://a.example/>;x=1,<sip:evil"))


def test_several_values_are_read() -> None:
    text = f'<{ICON}>;purpose=icon;call-reason="a, \\"b\\"", <data:>;purpose=jcard;verified="true"'
    assert [(one.purpose, one.reason, one.verified) for one in read_call_info(text)] == [
        ("icon", 'a, "b"', False),
        ("jcard", None, True),
    ]


@pytest.mark.parametrize(
    ("spelling", "number"), [("+1 (202) 555-1000", "12025551000"), ("1.202.555.1000", "12025551000"), ("*77", "*77")]
)
def test_numbers_are_brought_to_one_form(spelling: str, number: str) -> None:
    assert canonical_number(spelling) == number


@pytest.mark.parametrize("spelling", ["", "+", "1" * 16, "12a", "\uff11\uff12", "sip:1@b", "1\n2"])
def test_what_is_no_number_is_refused(spelling: str) -> None:
    with pytest.raises(ValueError, match="not a telephone number"):
        canonical_number(spelling)


# parsers --------------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=200))
def test_no_bytes_break_a_reader_of_extensions(data: bytes) -> None:
    for read in (TnAuthList.decode, ClaimConstraints.decode):
        try:
            found = read(data)
        except der.DerError:
            continue
        assert found.encode()


@given(st.text(max_size=200))
def test_no_text_breaks_a_reader_of_headers(text: str) -> None:
    for read, error in ((read_identity, PassportError), (read_call_info, ValueError), (canonical_number, ValueError)):
        try:
            read(text)
        except error:
            continue


@given(st.binary(max_size=300))
def test_no_bytes_break_a_reader_of_certificates_or_claims(data: bytes) -> None:
    with pytest.raises(PassportError):
        read_chain(data)
    try:
        read_object(data, "claims")
    except InvalidPassport:
        return


@pytest.mark.parametrize("error", [PassportError(Reason.STALE_DATE, "an hour old"), InvalidPassport("no claims")])
def test_a_refusal_says_the_same_in_another_process(error: PassportError) -> None:
    for same in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(same) is type(error)
        assert (str(same), same.reason, same.detail) == (str(error), error.reason, error.detail)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(["orig", "dest", "iat", "attest", "origid", "rcd", "rcdi", "crn", "iss", "x"]),
        json_values | st.sampled_from([*BASE.values(), *SHAKEN.values(), RCD["rcd"], {"/nam": SHA256}]),
    ),
    st.sampled_from(list(Kind)),
)
def test_no_claims_break_their_reader(values: dict[str, Any], kind: Kind) -> None:
    try:
        claims = read_claims(kind, values)
    except InvalidPassport:
        return
    assert claims.as_json() == values | {"iat": int(values["iat"])}
    if claims.rcd is not None:
        check_digests(claims.rcd.as_json(), claims.digests, {})


@given(st.data())
def test_no_damaged_token_counts(network: Network, data: st.DataObject) -> None:
    header = network.branded()
    at = data.draw(st.integers(0, header.index(";") - 1))
    other = data.draw(st.sampled_from("Ab0-_.=").filter(lambda one: one != header[at]))
    damaged = header[:at] + other + header[at + 1 :]
    try:
        read = read_identity(damaged)
    except PassportError:
        return
    with pytest.raises(InvalidPassport):
        read.check_signature(network.key.public_key())


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":["\\ud800"]}',
        b'{"\\udfff":1}',
        b"[1]",
        b"1",
        b"",
        b"\xff",
        b'{"a":' * 20 + b"1" + b"}" * 20,
        b'{"a":' * 90_000,
        b" " * 9000,
    ],
)
def test_json_that_can_be_read_in_two_ways_does_not_count(text: bytes) -> None:
    with pytest.raises(InvalidPassport):
        read_object(text, "claims")


@pytest.mark.parametrize("text", ["AA==", "AB", "A", "A A", "A+", "A\n"])
def test_base64url_has_one_form(text: str) -> None:
    with pytest.raises(InvalidPassport):
        from_base64url(text, "part")


@given(st.binary(max_size=40))
def test_base64url_is_read_as_it_was_written(data: bytes) -> None:
    assert from_base64url(to_base64url(data), "part") == data


def test_a_party_takes_any_spelling_of_a_number() -> None:
    party = Party.of("+1 202 555 1000")
    assert CALLER in party
    assert is_canonical(CALLER)
    with pytest.raises(InvalidPassport):
        Claims(orig=Party(), dest=party, issued_at=1).as_json()
    with pytest.raises(InvalidPassport):
        Claims(orig=party, dest=Party(), issued_at=1).as_json()
