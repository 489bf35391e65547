"""Valid and invalid certificates for loopback servers and their clients."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import trustme

HOSTS = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class CertificateFiles:
    """PEM files: what ``verify=`` and ``cert=`` of a client take, and what servers load."""

    authority: Path
    other_authority: Path
    server: Path
    """Certificate chain and key of 127.0.0.1 and localhost."""
    client: Path
    """Certificate chain and key of a client."""
    stranger: Path
    """Certificate chain and key of a client, signed by the other authority."""


class Certificates:
    """A certificate authority, contexts of servers with valid and invalid certificates, and contexts of clients."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self._other_authority = trustme.CA()
        self._server = self._authority.issue_cert(*HOSTS)
        self.files = self._write(folder)

    @cached_property
    def good(self) -> ssl.SSLContext:
        """A server named 127.0.0.1 and localhost."""
        return _server_context(self._server)

    @property
    def leaf(self) -> bytes:
        """The certificate of the good server, in DER."""
        return ssl.PEM_cert_to_DER_cert(self._server.cert_chain_pems[0].bytes().decode("ascii"))

    @cached_property
    def wrong_host(self) -> ssl.SSLContext:
        """A server with the certificate of another host."""
        return _server_context(self._authority.issue_cert("elsewhere.example"))

    @cached_property
    def expired(self) -> ssl.SSLContext:
        """A server with a certificate that expired in the year 2001."""
        since, until = datetime(2000, 1, 1, tzinfo=UTC), datetime(2001, 1, 1, tzinfo=UTC)
        return _server_context(self._authority.issue_cert(*HOSTS, not_before=since, not_after=until))

    @cached_property
    def unknown_authority(self) -> ssl.SSLContext:
        """A server with a certificate of the other authority."""
        return _server_context(self._other_authority.issue_cert(*HOSTS))

    @cached_property
    def client_required(self) -> ssl.SSLContext:
        """A server that requires a client certificate of the authority."""
        context = _server_context(self._server)
        context.verify_mode = ssl.CERT_REQUIRED
        self._authority.configure_trust(context)
        return context

    def trust(self) -> ssl.SSLContext:
        """A new context for a client that trusts the authority alone."""
        return ssl.create_default_context(cafile=self.files.authority)

    def _write(self, folder: Path) -> CertificateFiles:
        files = CertificateFiles(
            *(folder / f"{name}.pem" for name in ("authority", "other", "server", "client", "stranger"))
        )
        self._authority.cert_pem.write_to_path(files.authority)
        self._other_authority.cert_pem.write_to_path(files.other_authority)
        self._server.private_key_and_cert_chain_pem.write_to_path(files.server)
        for authority, path in ((self._authority, files.client), (self._other_authority, files.stranger)):
            client = authority.issue_cert("client@example.com")
            client.private_key_and_cert_chain_pem.write_to_path(path)
        return files


def _server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context
