"""Under the sanitizers a short run finds nothing, and would find something if there were something."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[3] / "fuzz"
SECONDS = 8


@pytest.mark.slow
def test_some_seconds_under_sanitizers_find_nothing() -> None:
    result = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(FUZZ / "run_native.py"), "--seconds", str(SECONDS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("nothing found") == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("whole", "broken"),
    [
        # A length that is believed.
        ("bytes > (uint64_t)(r->end - r->at)", "false"),
        ("if (bytes - TCP_HEAD_BYTES < body_bytes + CHECKSUM_BYTES)", "if (false)"),
    ],
)
def test_a_check_that_is_missing_is_found(whole: str, broken: str, tmp_path: Path) -> None:
    """The readers alone, with one of their checks taken out."""
    sources = FUZZ.parent / "src" / "openmimc" / "wire" / "_native"
    for name in ("cipher.h", "protobuf.h", "packets.h"):
        (tmp_path / name).write_text((sources / name).read_text().replace(whole, broken))
    code = (
        f"import sys; sys.path.insert(0, {str(FUZZ)!r})\n"
        "import pathlib, run_native\n"
        f"run_native.SOURCES = pathlib.Path({str(tmp_path)!r})\n"
        f"run_native.fuzz_readers(run_native.find_compiler(), pathlib.Path({str(tmp_path)!r}), 5, 1)\n"
    )

    result = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=110
    )

    assert result.returncode == 1
    assert "AddressSanitizer" in result.stderr
