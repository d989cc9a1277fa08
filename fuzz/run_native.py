"""Fuzzes the native codec under AddressSanitizer and UndefinedBehaviorSanitizer. Needs a C compiler.

    python fuzz/run_native.py --seconds 60 [--seed N]

Half of the time goes to the readers alone (``native_frames.c``: libFuzzer with clang, a driver of its own with
any other compiler), half to the whole module against its twin in Python (``fuzz_codecs.py``). Exits with 1 and
prints what was found.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "openmimc" / "wire" / "_native"
FLAGS = ("-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all")
SANITIZERS = "address,undefined"
LONGEST_STALL_S = 120


def find_compiler() -> str:
    """The compiler to use, clang if there is one.

    Raises:
        SystemExit: there is none.
    """
    for name in ("clang", os.environ.get("CC", "cc"), "gcc"):
        if found := shutil.which(name):
            return found
    sys.exit("no C compiler")


def run(command: list[str], *, seconds: float = 0, environment: dict[str, str] | None = None) -> None:
    """Run a command.

    Raises:
        SystemExit: it failed, or did not end.
    """
    try:
        result = subprocess.run(  # noqa: S603 - our own programs
            command, env=environment, check=False, timeout=seconds + LONGEST_STALL_S
        )
    except subprocess.TimeoutExpired:
        sys.exit(f"{command[0]} did not end")
    if result.returncode != 0:
        sys.exit(1)


def fuzz_readers(compiler: str, work: Path, seconds: float, seed: int) -> None:
    """Fuzz what has no Python in it."""
    from run_short import seeds

    has_libfuzzer = Path(compiler).name.startswith("clang")
    extra = (
        [f"-fsanitize={SANITIZERS},fuzzer"] if has_libfuzzer else [f"-fsanitize={SANITIZERS}", "-DPLAIN_DRIVER"]
    )
    program = work / "native_frames"
    source = Path(__file__).with_name("native_frames.c")
    run([compiler, *FLAGS, *extra, f"-I{SOURCES}", str(source), "-o", str(program)])
    corpus = work / "corpus"
    corpus.mkdir()
    # Without the two bytes that say what fuzz_connection does with an input.
    files = []
    for number, data in enumerate(sorted({data[2:] for data in seeds()})):
        files.append(corpus / str(number))
        files[-1].write_bytes(data)
    if has_libfuzzer:
        run(
            [str(program), f"-max_total_time={max(int(seconds), 1)}", f"-seed={seed % 2**32}", str(corpus)],
            seconds=seconds,
        )
    else:
        run([str(program), str(seconds), str(seed), *map(str, files)], seconds=seconds)


def fuzz_module(compiler: str, work: Path, seconds: float, seed: int) -> None:
    """Fuzz the module as Python uses it, built for this with the sanitizers in it."""
    library = work / f"_native{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = sysconfig.get_path("include")
    run(
        [
            compiler,
            *FLAGS,
            f"-fsanitize={SANITIZERS}",
            "-shared",
            "-fPIC",
            f"-I{include}",
            str(SOURCES / "module.c"),
            "-o",
            str(library),
        ]
    )
    runtimes = [_runtime(compiler, name) for name in ("asan", "ubsan")]
    environment = {
        **os.environ,
        "LD_PRELOAD": ":".join(filter(None, runtimes)),
        # Python keeps what it needs until it ends; leaks are what the tests of memory look for.
        "ASAN_OPTIONS": "detect_leaks=0",
        # Python's own allocator would hide where a block ends.
        "PYTHONMALLOC": "malloc",
    }
    run(
        [sys.executable, __file__, "--module", str(work), "--seconds", str(seconds), "--seed", str(seed)],
        seconds=seconds,
        environment=environment,
    )


def _runtime(compiler: str, name: str) -> str:
    """Where the sanitizer's library lies, "" if the compiler does not know it."""
    if Path(compiler).name.startswith("clang"):
        names = [f"libclang_rt.{name}-{os.uname().machine}.so", f"libclang_rt.{name}.so"]
    else:
        names = [f"lib{name}.so"]
    for each in names:
        found = subprocess.run(  # noqa: S603 - a compiler
            [compiler, f"-print-file-name={each}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        if Path(found).is_absolute():
            return found
    return ""


def compare(library: Path, seconds: float, seed: int) -> None:
    """Compare the codecs, the native one from another directory than the package's."""
    import openmimc.wire

    openmimc.wire.__path__.insert(0, str(library))
    # Only now: each of these imports the codec.
    import run_short
    from fuzz_codecs import one_input

    from openmimc.wire import _native

    if not Path(_native.__file__).is_relative_to(library):
        sys.exit(f"{_native.__file__} is not what was built for this")
    count = run_short.run(seconds, seed, one_input)
    print(f"{count} inputs to both codecs, seed {seed}: nothing found")


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description="Fuzz the native codec under sanitizers.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    parser.add_argument("--module", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.module is not None:
        compare(arguments.module, arguments.seconds, arguments.seed)
        return
    compiler = find_compiler()
    with tempfile.TemporaryDirectory() as work:
        fuzz_readers(compiler, Path(work), arguments.seconds / 2, arguments.seed)
        fuzz_module(compiler, Path(work), arguments.seconds / 2, arguments.seed)


if __name__ == "__main__":
    main()
