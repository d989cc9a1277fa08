"""Static files: scripts, styles and pictures, out of memory and under addresses that change with them.

An address is ``/console/assets/VERSION/NAME`` (or ``/demo/...``), where VERSION is a hash of all files
together, so that a script may import its neighbours by relative addresses. What is under such an address never
changes, so browsers may keep it for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Self

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

MEDIA_TYPES: Mapping[str, str] = {
    "css": "text/css",
    "js": "text/javascript",
    "json": "application/json",
    "map": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "ts": "text/plain",
}
"""By the end of a file's name; texts are UTF-8. Files of other kinds have no business here."""

VERSION_CHARACTERS = 16

_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    # A picture that is opened as a page is still only a picture.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_SDK_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    # Long enough for a page's visitors, short enough for an upgrade of the server to arrive on the same day.
    "Cache-Control": "public, max-age=3600",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}


class Assets:
    """All static files, read once.

    Attributes:
        version: Hash of names and contents.
    """

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        """Take the files by name, as "demo/demo.css".

        Raises:
            ValueError: A file is of no known kind.
        """
        digest = hashlib.sha256()
        for name in sorted(contents):
            if _kind(name) not in MEDIA_TYPES:
                raise ValueError(f"no media type for {name}")
            digest.update(b"%d %s %d " % (len(name), name.encode(), len(contents[name])))
            digest.update(contents[name])
        self._contents = dict(contents)
        self.version = digest.hexdigest()[:VERSION_CHARACTERS]

    @classmethod
    def load(cls) -> Self:
        """The files that come with the package."""
        return cls(dict(_walk(files("openmimc.admin") / "assets", "")))

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._contents)

    def url(self, name: str) -> str:
        """The address of a file.

        Raises:
            KeyError: There is no such file.
        """
        if name not in self._contents:
            raise KeyError(name)
        area = "console" if name.startswith("console/") else "demo"
        return f"/{area}/assets/{self.version}/{name}"

    def read(self, name: str) -> bytes | None:
        """A file's content; None if there is no such file."""
        return self._contents.get(name)

    def find(self, version: str, name: str) -> bytes | None:
        """A file's content; None if there is no such file, or not in this version."""
        return self._contents.get(name) if version == self.version else None


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry.read_bytes()


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


def asset_pages(assets: Assets) -> list[HTTPRouteHandler]:
    """The handlers that give static files out."""

    @get(
        ["/console/assets/{version:str}/{name:path}", "/demo/assets/{version:str}/{name:path}"],
        include_in_schema=False,
    )
    async def asset(version: FromPath[str], name: FromPath[str]) -> Response[bytes]:
        name = name.removeprefix("/")
        content = assets.find(version, name)
        if content is None:
            raise NotFoundException
        return Response(content, headers=_HEADERS, media_type=MEDIA_TYPES[_kind(name)])

    return [asset]


def sdk_pages(assets: Assets) -> list[HTTPRouteHandler]:
    """The JavaScript SDK under addresses that stay, for pages of any origin."""

    @get("/sdk/{name:str}", include_in_schema=False)
    async def sdk(name: FromPath[str]) -> Response[bytes]:
        content = assets.read(f"sdk/{name}")
        if content is None:
            raise NotFoundException
        return Response(content, headers=_SDK_HEADERS, media_type=MEDIA_TYPES[_kind(name)])

    return [sdk]
