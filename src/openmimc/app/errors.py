"""Why a server does not start.

    ImError
    └── StartupError          exit code 1: something outside the configuration is in the way
        └── ConfigError       exit code 2: the operator has to change an option or a file

Each says in one sentence what is wrong and what to do about it; none holds a secret.
"""

from __future__ import annotations

from typing import ClassVar

from openmimc.errors import ImError


class StartupError(ImError):
    """The server can not start; the text is one sentence for the operator."""

    exit_code: ClassVar[int] = 1


class ConfigError(StartupError):
    """An option, or a file that an option names, is not usable; starting again without a change is in vain."""

    exit_code: ClassVar[int] = 2
