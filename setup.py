"""The one thing that pyproject.toml cannot say: the native codec, which an installation can do without."""

from pathlib import Path

from setuptools import Extension, setup

SOURCES = Path("src/openmimc/wire/_native")

setup(
    ext_modules=[
        Extension(
            "openmimc.wire._native",
            sources=[str(SOURCES / "module.c")],
            depends=[str(header) for header in sorted(SOURCES.glob("*.h"))],
            extra_compile_args=["-std=c11", "-O3", "-Wall", "-Wextra"],
            # Without a compiler the codec in Python serves; the server says so when it starts.
            optional=True,
        )
    ]
)
