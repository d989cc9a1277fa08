"""The data directory: what is in it, who may read it, and that one server at a time runs on it.

    server.key     key that all tokens derive from, mode 0600
    openmimc.db    the store, with its -wal and -shm files
    lock           held by the running server; contains its process id
    server.json    addresses of the running server, no secrets; gone when none runs
    demo-app       id of the app made for the first steps

Command-line tools use the directory beside a running server: they take no lock.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import os
import secrets
import stat
from pathlib import Path

import msgspec
from msgspec import Struct

from openmimc.app.config import Secret
from openmimc.app.errors import ConfigError, StartupError

SERVER_KEY_BYTES = 32
"""As many as the signatures made with it have."""
PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700


class RunningServer(Struct, frozen=True, rename="camel"):
    """Where programs on this machine reach the server that runs on a data directory.

    Attributes:
        is_tls: Whether the HTTP port speaks https and wss.
        http_address: "host:port".
        tcp: "host:port" of plain TCP.
        tls_tcp: "host:port" of TCP with TLS, or None.
        fe_domain: Name that token answers give as the frontend's.
    """

    pid: int
    is_tls: bool
    http_address: str
    tcp: str
    tls_tcp: str | None
    fe_domain: str

    @property
    def http_url(self) -> str:
        """Base of the HTTP port, as "http://127.0.0.1:8080"."""
        return f"{'https' if self.is_tls else 'http'}://{self.http_address}"

    @property
    def websocket_url(self) -> str:
        """Where WebSockets connect to, as "ws://127.0.0.1:8080/"."""
        return f"{'wss' if self.is_tls else 'ws'}://{self.http_address}/"


class DirectoryInUse(StartupError):
    """Another server runs on the directory."""

    def __init__(self, path: Path, pid: str) -> None:
        super().__init__(f"another server (process {pid or 'unknown'}) runs on the data directory {path}")
        self.pid = pid


class DataDir:
    """One data directory.

    Args:
        path: Need not exist; see ``create`` and ``check_exists``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_fd: int | None = None

    def create(self) -> None:
        """Make the directory, and those above it, unless it exists.

        Raises:
            ConfigError: It can not be made, or is no directory that can be written to.
        """
        try:
            self.path.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        except OSError as exc:
            raise ConfigError(f"cannot make the data directory {self.path}: {exc.strerror}") from exc
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise ConfigError(f"cannot write to the data directory {self.path}: Permission denied")

    def check_exists(self) -> None:
        """Check that somebody made the directory before.

        Raises:
            ConfigError: There is none, or this user may not look into it.
        """
        if not self.path.is_dir():
            raise ConfigError(f"there is no data directory {self.path}; name another with --data-dir")
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise ConfigError(f"cannot use the data directory {self.path}: Permission denied")

    def database_file(self) -> Path:
        """Path of the store's file, which exists and is private when this returns.

        SQLite gives the files that it puts beside it the same mode.
        """
        file = self.path / "openmimc.db"
        with contextlib.suppress(FileExistsError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE))
        return file

    # -------------------------------------------------------------- one server at a time

    def lock(self) -> None:
        """Claim the directory for this process, until ``unlock`` or the process's end.

        Raises:
            DirectoryInUse: Another process has claimed it.
        """
        file = self.path / "lock"
        fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            pid = os.pread(fd, 20, 0).decode(errors="replace").strip()
            os.close(fd)
            raise DirectoryInUse(self.path, pid) from exc
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._lock_fd = fd

    def unlock(self) -> None:
        """Let others claim the directory; harmless when it is not claimed."""
        if self._lock_fd is not None:
            # The file stays: another process may have it open already, waiting to lock this very inode.
            os.close(self._lock_fd)
            self._lock_fd = None

    # -------------------------------------------------------------- the server's key

    def server_key(self, given: Secret | None) -> bytes:
        """The key that tokens derive from.

        Args:
            given: Base64; wins over the file, which then is neither read nor made.

        Returns:
            At least 32 bytes, the same at each call and each start.

        Raises:
            ConfigError: The key is malformed, or others can read the file.
        """
        if given is not None:
            return _decode_key(given.reveal(), "environment variable OPENMIMC_SERVER_KEY")
        file = self.path / "server.key"
        if not file.exists():
            self._create_key(file)
        try:
            mode = stat.S_IMODE(file.stat().st_mode)
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigError(
                    f"others can read {file} (mode {mode:04o}), and with it be anybody; run: chmod 600 {file}"
                )
            return _decode_key(file.read_text(encoding="ascii", errors="replace"), str(file))
        except OSError as exc:
            raise ConfigError(f"cannot read {file}: {exc.strerror}") from exc

    def _create_key(self, file: Path) -> None:
        # Complete before it gets its name, so that neither a crash nor a process that starts at the same time
        # meets half a key; and linked, not renamed, so that the first of two such processes wins.
        draft = file.with_name(f"server.key.{secrets.token_hex(4)}")
        text = base64.b64encode(secrets.token_bytes(SERVER_KEY_BYTES)) + b"\n"
        _write_private(draft, text)
        try:
            with contextlib.suppress(FileExistsError):
                os.link(draft, file)
        finally:
            draft.unlink()
        _sync_directory(self.path)

    # -------------------------------------------------------------- the running server's addresses

    def announce(self, server: RunningServer) -> None:
        """Let tools on this machine find the server."""
        draft = self.path / "server.json.new"
        draft.unlink(missing_ok=True)
        _write_private(draft, msgspec.json.encode(server) + b"\n")
        draft.rename(self.path / "server.json")

    def withdraw(self) -> None:
        """Take the announcement back; harmless when there is none."""
        (self.path / "server.json").unlink(missing_ok=True)

    def find_server(self) -> RunningServer | None:
        """The server that runs on this directory on this machine, if there is one."""
        try:
            text = (self.path / "server.json").read_bytes()
            server = msgspec.json.decode(text, type=RunningServer)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        # A killed server leaves its announcement behind.
        return server if _is_alive(server.pid) else None

    # -------------------------------------------------------------- first steps

    def find_demo_app(self) -> str | None:
        """Id of the app that was made for the first steps, even if it is deleted by now."""
        try:
            return (self.path / "demo-app").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None

    def remember_demo_app(self, app_id: str) -> None:
        """Note that the app for the first steps was made."""
        _write_private(self.path / "demo-app", app_id.encode() + b"\n")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # It lives, as another user.
    return True


def _decode_key(text: str, place: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ConfigError(f"{place}: is no base64") from exc
    if len(key) < SERVER_KEY_BYTES:
        raise ConfigError(f"{place}: has {len(key)} bytes, at least {SERVER_KEY_BYTES} are needed")
    return key


def _write_private(file: Path, data: bytes) -> None:
    fd = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE)
    with open(fd, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(fd)


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
