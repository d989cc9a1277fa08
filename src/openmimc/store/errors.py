"""Why a store cannot be opened.

StoreError                the store cannot be opened; the text tells the operator why
├── StoreTooNew           a newer version of this program has written it
└── SqliteTooOld          the SQLite library of this Python lacks what the store needs
"""

from __future__ import annotations

from openmimc.errors import ImError


class StoreError(ImError):
    """The store cannot be opened. Nothing in it was changed."""


class StoreTooNew(StoreError):
    """A newer version of the program has upgraded the file: run that version, or restore a backup.

    Attributes:
        found: Schema version of the file.
        known: Newest schema version this program has.
    """

    def __init__(self, found: int, known: int) -> None:
        super().__init__(f"the store has schema version {found}, this program knows up to {known}")
        self.found = found
        self.known = known


class SqliteTooOld(StoreError):
    """The SQLite library is older than the store needs: use another build of Python.

    Attributes:
        found: Version of the library, such as ``(3, 34, 1)``.
        needed: Oldest version that serves.
    """

    def __init__(self, found: tuple[int, ...], needed: tuple[int, ...]) -> None:
        super().__init__(
            f"SQLite {'.'.join(map(str, needed))} or newer is needed,"
            f" this Python has {'.'.join(map(str, found))}"
        )
        self.found = found
        self.needed = needed
