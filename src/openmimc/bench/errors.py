"""What ends a benchmark: under it a figure would mean nothing."""

from __future__ import annotations

from openmimc.errors import ImError


class BenchError(ImError):
    """The load could not be made, or the server refused or dropped a part of it."""
