"""The fuzzer finds nothing in a short run, and would find something if there were something."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openmimc.wire.codec import CODEC_VARIABLE

FUZZ = Path(__file__).parents[3] / "fuzz"


def run(code: str, codec: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path.insert(0, {str(FUZZ)!r})\n{code}"
    return subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", code],
        env={**os.environ, CODEC_VARIABLE: codec},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_two_seconds_of_fuzzing_find_nothing(codec: str) -> None:
    result = run("import run_short; sys.argv = ['run_short', '--seconds', '2']; run_short.main()", codec)

    assert result.returncode == 0, result.stderr
    assert "nothing found" in result.stdout


@pytest.mark.parametrize(
    "defect",
    [
        "openmimc.wire.codec_python.parse_client_message",
        "openmimc.wire.codec_python.parse_server_message",
        "openmimc.wire.group_parsing._parse_send",
        "openmimc.wire.group_parsing._parse_delivered",
        "openmimc.wire.online.is_packet_id",
        "openmimc.wire.calls._parse_parties",
        "openmimc.wire.codec_python.parse_header",
    ],
)
def test_an_error_that_is_not_allowed_is_found(defect: str, codec: str) -> None:
    """Every layer is reached: an error planted there comes out."""
    find(defect, codec)


@pytest.mark.parametrize("defect", ["openmimc.wire.v6.split_body", "openmimc.wire.web.parse_packet"])
def test_an_error_that_is_not_allowed_is_found_in_python_framing(defect: str) -> None:
    """The native codec has framing of its own."""
    find(defect, "python")


def find(defect: str, codec: str) -> None:
    module, _, function = defect.rpartition(".")
    result = run(
        f"import {module} as module, run_short\n"
        f"def broken(*args, **kwargs): raise RuntimeError('planted')\n"
        f"module.{function} = broken\n"
        f"run_short.run(seconds=20, seed=1)\n",
        codec,
    )

    assert result.returncode == 1
    assert "planted" in result.stderr
