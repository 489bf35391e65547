"""TLS contexts: which options make which, and that they are shared."""

from __future__ import annotations

import os
import ssl

import pytest

from httpconn.errors import InvalidRequest
from httpconn.network.security import Security
from httpconn.network.tlscontext import recipe_of, shared_context

KEY_PASSWORD = "secret"


def made(verify=True, cert=None, *, trust_env=True, http2=False, **environ):
    return shared_context(recipe_of(verify, cert, trust_env=trust_env, http2=http2, environ=environ))


def authorities(context):
    return context.cert_store_stats()["x509_ca"]


def test_one_context_for_equal_options(certificates):
    path = str(certificates.files.authority)
    assert made() is made()
    assert made(path) is made(path)
    assert made(path) is not made()
    assert made(SSL_CERT_FILE=path) is not made()


def test_http2_has_its_own():
    assert made(http2=True) is not made(http2=False)


def test_it_verifies_names_and_requires_tls_1_2():
    context = made()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert authorities(context) > 50


def test_no_verification():
    context = made(False)
    assert not context.check_hostname
    assert context.verify_mode is ssl.CERT_NONE


def test_a_file_a_folder_and_the_environment(certificates, tmp_path):
    path = str(certificates.files.authority)
    assert authorities(made(path)) == 1
    assert authorities(made(certificates.files.authority)) == 1
    assert authorities(made(SSL_CERT_FILE=path)) == 1
    assert authorities(made(SSL_CERT_FILE=path, SSL_CERT_DIR="/nowhere")) == 1
    assert authorities(made(SSL_CERT_FILE=path, trust_env=False)) > 50
    for context in (made(str(tmp_path)), made(SSL_CERT_DIR=str(tmp_path))):
        assert authorities(context) == 0


def test_the_first_variable_that_is_set_counts(certificates):
    one, other = str(certificates.files.authority), str(certificates.files.other_authority)
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    for position, name in enumerate(names):
        environ = dict.fromkeys(names[:position], "") | {name: one} | dict.fromkeys(names[position + 1 :], other)
        assert made(**environ) is made(**{name: one})
        assert authorities(made(**environ)) == 1


def test_a_list_of_folders_some_of_which_are_missing(tmp_path):
    folders = os.pathsep.join(["/nowhere", str(tmp_path)])
    assert authorities(made(SSL_CERT_DIR=folders)) == 0
    with pytest.raises(InvalidRequest, match="SSL_CERT_DIR"):
        made(REQUESTS_CA_BUNDLE="", SSL_CERT_DIR=os.pathsep.join(["/nowhere", "/nor/here"]))


def test_a_changed_file_makes_a_new_context(certificates, tmp_path):
    path = tmp_path / "authorities.pem"
    path.write_bytes(certificates.files.authority.read_bytes())
    first = made(str(path))
    assert made(str(path)) is first
    path.write_bytes(certificates.files.authority.read_bytes() + certificates.files.other_authority.read_bytes())
    assert authorities(made(str(path))) == 2


def test_the_system_store():
    assert type(made("system")).__module__.startswith("truststore")


def test_a_context_is_used_as_it_is(certificates):
    context = certificates.trust()
    assert Security(context).foreign_context() is context
    with pytest.raises(InvalidRequest, match="cert"):
        Security(context, str(certificates.files.client))


def test_keys_are_logged_only_where_the_environment_is_trusted(tmp_path):
    log = str(tmp_path / "keys")
    assert made(SSLKEYLOGFILE=log, trust_env=False).keylog_filename is None
    assert not os.path.exists(log)
    assert made(SSLKEYLOGFILE=log).keylog_filename == log


def test_the_variable_of_the_process_does_not_count_either(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    shared_context(recipe_of(True, None, trust_env=False, http2=True))
    assert not os.path.exists(tmp_path / "keys")


def test_client_certificates(certificates, tmp_path):
    client = str(certificates.files.client)
    made(True, client)
    made(True, (client, client))
    made(True, (client, client, KEY_PASSWORD))


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"verify": "/nowhere/at/all"}, "verify"),
        ({"verify": "a\0b"}, "verify"),
        ({"verify": __file__}, "verify"),
        ({"verify": 1}, "verify"),
        ({"SSL_CERT_FILE": "/nowhere"}, "SSL_CERT_FILE"),
        ({"SSL_CERT_DIR": "/nowhere"}, "SSL_CERT_DIR"),
        ({"SSLKEYLOGFILE": "/nowhere/keys"}, "SSLKEYLOGFILE"),
        ({"cert": "/nowhere"}, "cert"),
        ({"cert": __file__}, "cert"),
        ({"cert": (__file__, "/nowhere")}, "cert"),
        ({"cert": ("a",)}, "cert"),
        ({"cert": 5}, "cert"),
    ],
)
def test_an_unusable_file_error_names_the_option(options, name):
    with pytest.raises(InvalidRequest, match=rf"^{name}"):
        made(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"SSL_CERT_FILE": "/nowhere"}, "SSL_CERT_FILE: /nowhere cannot be read: No such file or directory"),
        (
            {"CURL_CA_BUNDLE": __file__},
            f"CURL_CA_BUNDLE: {__file__} contains no usable certificates: no certificate or crl",
        ),
        ({"SSLKEYLOGFILE": "/nowhere/k"}, "SSLKEYLOGFILE: /nowhere/k cannot be written: No such file or directory"),
    ],
)
def test_an_error_names_the_variable_the_path_and_the_reason(options, message):
    with pytest.raises(InvalidRequest) as caught:
        made(**options)
    assert str(caught.value).startswith(message)


def test_a_wrong_password_is_rejected_and_not_shown(tmp_path):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    encrypted = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"right"),
    )
    path = tmp_path / "key.pem"
    path.write_bytes(encrypted)
    for cert in ((str(path), str(path)), (str(path), str(path), KEY_PASSWORD)):
        with pytest.raises(InvalidRequest, match="cert") as caught:
            made(True, cert)
        assert KEY_PASSWORD not in str(caught.value)
