from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar

from openmimc.admin.assets import Assets, asset_pages, sdk_pages

FILES = {
    "console/console.css": b"body{}",
    "demo/demo.js": "say('你好')".encode(),
    "demo/sample.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "sdk/mimc.js": b"export {}",
}

CONTENT_TYPES = {
    "console/console.css": "text/css; charset=utf-8",
    "demo/demo.js": "text/javascript; charset=utf-8",
    "demo/sample.svg": "image/svg+xml",
    "sdk/mimc.js": "text/javascript; charset=utf-8",
}


@pytest.fixture
def assets() -> Assets:
    return Assets(FILES)


@pytest.fixture
async def client(assets: Assets) -> AsyncIterator[httpx.AsyncClient]:
    app = Litestar([*asset_pages(assets), *sdk_pages(assets)], openapi_config=None, logging_config=None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        yield client


@pytest.mark.parametrize("name", FILES)
async def test_a_file_is_under_the_address_that_templates_get(
    client: httpx.AsyncClient, assets: Assets, name: str
) -> None:
    answer = await client.get(assets.url(name))

    assert answer.content == FILES[name]
    assert answer.headers["content-type"] == CONTENT_TYPES[name]
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_sdk_has_an_address_that_stays_and_that_pages_of_any_origin_may_use(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/sdk/mimc.js")

    assert answer.content == FILES["sdk/mimc.js"]
    assert answer.headers["content-type"] == CONTENT_TYPES["sdk/mimc.js"]
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize("name", ["nothing.js", "..%2fdemo%2fdemo.js", "%2e%2e", "demo.js"])
async def test_the_sdks_address_gives_out_nothing_else(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/sdk/{name}")).status_code == 404


def test_scripts_find_their_neighbours_by_relative_addresses(assets: Assets) -> None:
    demo, css = assets.url("demo/demo.js"), assets.url("demo/sample.svg")

    assert demo.rpartition("/")[0] == css.rpartition("/")[0]
    assert demo == f"/demo/assets/{assets.version}/demo/demo.js"
    assert assets.url("console/console.css") == f"/console/assets/{assets.version}/console/console.css"


@pytest.mark.parametrize(
    "changed",
    [
        FILES | {"demo/demo.js": b"other"},
        FILES | {"demo/more.js": b""},
        {name.replace("demo.js", "demo2.js"): content for name, content in FILES.items()},
        {"demo/a.js": b"1", "demo/b.js": b"2"},
    ],
)
def test_another_content_has_another_address(assets: Assets, changed: dict[str, bytes]) -> None:
    assert Assets(changed).version != assets.version


def test_the_address_does_not_depend_on_the_order_of_files(assets: Assets) -> None:
    assert Assets(dict(reversed(FILES.items()))).version == assets.version


@pytest.mark.parametrize(
    "path",
    [
        "/demo/assets/{version}/nothing.js",
        "/demo/assets/{version}/demo",
        "/demo/assets/{version}/demo/",
        "/demo/assets/0000000000000000/demo/demo.js",
        "/demo/assets/{version}/..%2f..%2fassets.py",
        "/demo/assets/{version}/%2e%2e/%2e%2e/assets.py",
        "/demo/assets/{version}//etc/passwd",
        "/demo/assets/{version}/demo\\demo.js",
        "/demo/assets/{version}/demo/demo.js%00",
    ],
)
async def test_nothing_else_is_given_out(client: httpx.AsyncClient, assets: Assets, path: str) -> None:
    answer = await client.get(path.format(version=assets.version))

    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["demo/../demo/demo.js", "../assets.py", "/etc/passwd", "./demo/demo.js", ""])
def test_a_name_is_no_path(assets: Assets, name: str) -> None:
    assert assets.find(assets.version, name) is None


def test_a_template_that_names_no_file_fails() -> None:
    with pytest.raises(KeyError):
        Assets(FILES).url("demo/demo.css")


def test_a_file_of_no_known_kind_fails_at_the_start() -> None:
    with pytest.raises(ValueError, match=r"no media type for demo/notes\.odt"):
        Assets({"demo/notes.odt": b""})


def test_the_package_brings_its_pages_along() -> None:
    names = set(Assets.load())

    assert {"console/console.css", "demo/demo.js", "demo/demo.css"} <= names
