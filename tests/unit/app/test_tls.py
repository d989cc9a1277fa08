from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from openmimc.app.errors import ConfigError
from openmimc.app.tls import Certificate

NAME = "chat.example"


class Authority:
    """Issues certificates into the two files that a server is pointed to."""

    def __init__(self, directory: Path) -> None:
        self.ca = trustme.CA()
        self.cert_file = directory / "cert.pem"
        self.key_file = directory / "key.pem"

    def issue(self) -> bytes:
        """Write a fresh certificate; returns it in DER."""
        issued = self.ca.issue_cert(NAME)
        self.cert_file.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        self.key_file.write_bytes(issued.private_key_pem.bytes())
        return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def shake_hands(certificate: Certificate, authority: Authority, *, name: str | None = NAME) -> bytes:
    """Connect in memory; returns the certificate, in DER, that the client was shown."""
    trusting = ssl.create_default_context()
    authority.ca.configure_trust(trusting)
    trusting.check_hostname = name is not None
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
    server = certificate.context.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
    assert not waiting
    shown = client.getpeercert(binary_form=True)
    assert shown is not None
    return shown


def test_clients_are_shown_the_certificate(authority: Authority) -> None:
    issued = authority.issue()

    certificate = Certificate(authority.cert_file, authority.key_file)

    assert shake_hands(certificate, authority) == issued


@pytest.mark.parametrize("name", [NAME, None])
def test_after_a_reload_clients_are_shown_the_new_certificate(authority: Authority, name: str | None) -> None:
    """Also those that, as SDKs of an IP address do, name no server."""
    authority.issue()
    certificate = Certificate(authority.cert_file, authority.key_file)
    renewed = authority.issue()

    certificate.reload()

    assert shake_hands(certificate, authority, name=name) == renewed


def spoil_certificate(authority: Authority) -> None:
    authority.cert_file.write_text("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")


def empty_key(authority: Authority) -> None:
    authority.key_file.write_bytes(b"")


def renew_certificate_only(authority: Authority) -> None:
    key = authority.key_file.read_bytes()
    authority.issue()
    authority.key_file.write_bytes(key)


def remove_certificate(authority: Authority) -> None:
    authority.cert_file.unlink()


def encrypt_key(authority: Authority) -> None:
    key = load_pem_private_key(authority.key_file.read_bytes(), None)
    authority.key_file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    )


@pytest.mark.parametrize(
    "spoil", [spoil_certificate, empty_key, renew_certificate_only, remove_certificate, encrypt_key]
)
def test_files_that_cannot_be_used_are_named_and_the_old_certificate_stays(
    authority: Authority, spoil: object
) -> None:
    issued = authority.issue()
    certificate = Certificate(authority.cert_file, authority.key_file)
    assert callable(spoil)
    spoil(authority)

    with pytest.raises(ConfigError, match=str(authority.cert_file)):
        certificate.reload()
    with pytest.raises(ConfigError, match=str(authority.cert_file)):
        Certificate(authority.cert_file, authority.key_file)

    assert shake_hands(certificate, authority) == issued
