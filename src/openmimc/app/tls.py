"""The server's certificate, exchangeable while connections live."""

from __future__ import annotations

import ssl
from pathlib import Path

from openmimc.app.errors import ConfigError


class Certificate:
    """A certificate and its key, from files that the operator renews.

    Args:
        cert_file: PEM, the whole chain.
        key_file: PEM, not encrypted.

    Attributes:
        context: For listeners. Stays the same object; each handshake gets the certificate loaded last.

    Raises:
        ConfigError: The files are not usable.
    """

    def __init__(self, cert_file: Path, key_file: Path) -> None:
        self._cert_file = cert_file
        self._key_file = key_file
        self._current = self._load()
        self.context = self._load()
        # Loading into a context in use could stop halfway (new certificate, old key) and leave it broken.
        # So each load makes a context of its own, and handshakes are pointed to it: a swap of one reference.
        self.context.sni_callback = self._use_current

    def reload(self) -> None:
        """Read the files again; connections that exist go on as they are.

        Raises:
            ConfigError: The files are not usable; the old certificate stays in use.
        """
        self._current = self._load()

    def _use_current(
        self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext
    ) -> None:
        connection.context = self._current

    def _load(self) -> ssl.SSLContext:
        # Purpose.CLIENT_AUTH is the library's name for "a server's side"; it asks clients for nothing.
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            # The empty password turns an encrypted key into an error, where OpenSSL would ask on the terminal.
            context.load_cert_chain(self._cert_file, self._key_file, password="")
        except ssl.SSLError as exc:
            pair = f"{self._cert_file} and {self._key_file}"
            raise ConfigError(f"{pair} are no certificate with its key: {exc.reason or exc}") from exc
        except OSError as exc:
            pair = f"{self._cert_file} or {self._key_file}"
            raise ConfigError(f"cannot read the certificate {pair}: {exc.strerror}") from exc
        return context
