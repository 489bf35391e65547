"""Credentials for proxies, by the examples of the RFCs."""

from __future__ import annotations

import hashlib
import re

import pytest

from httpconn.errors import InvalidRequest
from httpconn.network.credentials import Challenge, PasswordCredentials, parse_challenges

DIGEST = 'Digest realm="proxy", qop="auth", nonce="abc", opaque="xyz", algorithm=SHA-256'


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("Basic", [Challenge("basic", {})]),
        ('BASIC realm="a, b"', [Challenge("basic", {"realm": "a, b"})]),
        (r'Basic realm="say \"x\""', [Challenge("basic", {"realm": 'say "x"'})]),
        ("NTLM", [Challenge("ntlm", {})]),
        ("Negotiate TlRMTVNTUAAB==", [Challenge("negotiate", {})]),
        (
            'Negotiate, NTLM abc=, Digest realm=x , nonce = "n" , Basic realm="y"',
            [
                Challenge("negotiate", {}),
                Challenge("ntlm", {}),
                Challenge("digest", {"realm": "x", "nonce": "n"}),
                Challenge("basic", {"realm": "y"}),
            ],
        ),
        (", ,Basic,,", [Challenge("basic", {})]),
        ('Basic realm="a", realm="b"', [Challenge("basic", {"realm": "a"})]),
        ('Basic realm="a', [Challenge("basic", {})]),
        ('Digest nonce="n", realm="\x1b"', [Challenge("digest", {"nonce": "n"})]),
        ("realm=x", []),
        ("\x00", []),
        ("", []),
    ],
)
def test_a_field_may_hold_several_challenges(value: str, parsed: list[Challenge]) -> None:
    assert parse_challenges([value]) == parsed


def authorization(credentials: PasswordCredentials, *challenges: list[str]) -> str | None:
    """The last value that an exchange with these 407 responses sends; None where it gives up."""
    rounds = credentials.authenticate("CONNECT", "example.com:443")
    value = next(rounds)
    for fields in challenges:
        try:
            value = rounds.send(fields)
        except StopIteration:
            return None
    return value


def parameter(value: str | None, name: str) -> str:
    found = re.search(rf'\b{name}=("?)([^",]*)\1', value or "")
    assert found, value
    return found[2]


def test_basic_comes_first_in_utf_8() -> None:
    # RFC 7617 section 2.1 has this example.
    assert authorization(PasswordCredentials("test", "123£")) == "Basic dGVzdDoxMjPCow=="


@pytest.mark.parametrize("qop", ['qop="auth"', 'qop="auth,auth-int"', "qop=auth"])
def test_digest_is_computed_as_the_rfc_says(qop: str) -> None:
    value = authorization(PasswordCredentials("user", "pass"), ["Basic realm=x", DIGEST.replace('qop="auth"', qop)])
    secret = hashlib.sha256(b"user:proxy:pass").hexdigest()
    request = hashlib.sha256(b"CONNECT:example.com:443").hexdigest()
    proof = f"{secret}:abc:00000001:{parameter(value, 'cnonce')}:auth:{request}"
    assert parameter(value, "response") == hashlib.sha256(proof.encode()).hexdigest()
    assert parameter(value, "opaque") == "xyz"
    assert parameter(value, "uri") == "example.com:443"


def test_digest_without_a_quality_is_that_of_rfc_2069() -> None:
    value = authorization(PasswordCredentials("user", "pass"), ['Digest realm="r", nonce="n"'])
    secret = hashlib.md5(b"user:r:pass").hexdigest()
    request = hashlib.md5(b"CONNECT:example.com:443").hexdigest()
    assert parameter(value, "response") == hashlib.md5(f"{secret}:n:{request}".encode()).hexdigest()
    assert "qop" not in (value or "")


def test_the_strongest_algorithm_is_chosen() -> None:
    offered = [f'Digest realm="r", nonce="n", algorithm={name}' for name in ("MD5", "SHA-256", "SHA-1", "SHA-512-256")]
    assert parameter(authorization(PasswordCredentials("u", "p"), offered), "algorithm") == "SHA-512-256"


def test_the_next_exchange_reuses_the_challenge_with_the_next_count() -> None:
    credentials = PasswordCredentials("user", "pass")
    assert parameter(authorization(credentials, [DIGEST]), "nc") == "00000001"
    assert parameter(authorization(credentials), "nc") == "00000002"


def test_simultaneous_exchanges_can_share_a_nonce() -> None:
    credentials = PasswordCredentials("user", "pass")
    exchanges = [credentials.authenticate("CONNECT", "example.com:443") for _ in range(3)]
    assert all((next(each) or "").startswith("Basic") for each in exchanges)
    assert all(parameter(each.send([DIGEST]), "nonce") == "abc" for each in exchanges)


def test_only_a_stale_nonce_is_replaced() -> None:
    credentials = PasswordCredentials("user", "pass")
    assert authorization(credentials, [DIGEST], [DIGEST]) is None
    assert parameter(authorization(credentials, [DIGEST + ", stale=true"]), "nonce") == "abc"
    assert parameter(authorization(credentials, [DIGEST.replace("abc", "def")]), "nonce") == "def"


@pytest.mark.parametrize(
    "challenge",
    ["Basic realm=x", "NTLM", 'Digest realm="r"', 'Digest nonce="n", algorithm=SHA3', 'Digest nonce=n, qop="auth-int"'],
)
def test_an_unsupported_challenge_ends_the_exchange(challenge: str) -> None:
    assert authorization(PasswordCredentials("user", "pass"), [challenge]) is None


@pytest.mark.parametrize(("user", "password"), [("us:er", "secret"), ("us\ner", "secret"), ("user", "secret\r")])
def test_invalid_text_is_rejected_without_quoting_it(user: str, password: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        PasswordCredentials(user, password)
    assert "secret" not in str(caught.value)
