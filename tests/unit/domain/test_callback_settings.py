from __future__ import annotations

import pytest

from openmimc.domain.apps import Apps
from openmimc.domain.callback_settings import SECRET_MAX_CHARACTERS, SECRET_MIN_CHARACTERS, URL_MAX_BYTES
from openmimc.errors import BadRequest
from openmimc.model.app import App
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore

ADDRESSES = ("instant_callback_url", "offline_callback_url")


@pytest.fixture
def apps() -> Apps:
    return Apps(MemoryStore(FakeClock()), FakeClock())


@pytest.fixture
async def app(apps: Apps) -> App:
    return (await apps.create_app("demo"))[0]


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8091/mimc/offline",
        "https://example.com",
        "HTTPS://example.com:443/a?b=c&d=%C3%A9",
        "http://[::1]:80/",
        "http://xn--bcher-kva.example/",
        "http://e/" + "x" * (URL_MAX_BYTES - len("http://e/")),
        "",
    ],
)
async def test_an_address_that_will_do_is_kept_as_it_is(apps: Apps, app: App, name: str, url: str) -> None:
    changed = await apps.change_settings(app.app_id, {name: url})

    assert getattr(changed.settings, name) == url


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize(
    "url",
    [
        "example.com/callback",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
        "http:///callback",
        "http://user:password@example.com/",
        "http://user@example.com/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:http/",
        "http://[::1/",
        "http://example.com/a b",
        "http://example.com/\r\nHost:elsewhere",
        "http://bücher.example/",
        "http://example.com/#fragment",
        "http://e/" + "x" * URL_MAX_BYTES,
    ],
)
async def test_an_address_that_will_not_do_is_refused_by_name_and_not_quoted(
    apps: Apps, app: App, name: str, url: str
) -> None:
    with pytest.raises(BadRequest, match=name) as refused:
        await apps.change_settings(app.app_id, {name: url})

    assert url not in refused.value.text
    assert (await apps.get_app(app.app_id)).settings == app.settings


@pytest.mark.parametrize("name", ADDRESSES)
async def test_a_secret_is_made_with_the_first_address_and_stays(apps: Apps, app: App, name: str) -> None:
    first = await apps.change_settings(app.app_id, {name: "http://example.com/"})
    second = await apps.change_settings(app.app_id, {name: "http://example.org/"})

    assert app.settings.callback_secret == ""
    assert len(first.settings.callback_secret) >= 40
    assert second.settings.callback_secret == first.settings.callback_secret


async def test_no_two_secrets_are_the_same(apps: Apps, app: App) -> None:
    other, _ = await apps.create_app("other")

    made = [
        await apps.change_settings(number, {ADDRESSES[0]: "http://e/"}) for number in (app.app_id, other.app_id)
    ]

    assert made[0].settings.callback_secret != made[1].settings.callback_secret


async def test_a_secret_that_is_emptied_is_made_anew_as_long_as_there_is_an_address(
    apps: Apps, app: App
) -> None:
    before = await apps.change_settings(app.app_id, {ADDRESSES[0]: "http://example.com/"})
    renewed = await apps.change_settings(app.app_id, {"callback_secret": ""})
    silent = await apps.change_settings(app.app_id, {ADDRESSES[0]: "", "callback_secret": ""})

    assert renewed.settings.callback_secret not in ("", before.settings.callback_secret)
    assert silent.settings.callback_secret == ""


@pytest.mark.parametrize("length", [SECRET_MIN_CHARACTERS, SECRET_MAX_CHARACTERS])
async def test_a_secret_of_ones_own_is_taken(apps: Apps, app: App, length: int) -> None:
    own = "s" * length
    changed = await apps.change_settings(
        app.app_id, {"callback_secret": own, ADDRESSES[1]: "https://example.com/"}
    )

    assert changed.settings.callback_secret == own


@pytest.mark.parametrize(
    "secret", ["s" * (SECRET_MIN_CHARACTERS - 1), "s" * (SECRET_MAX_CHARACTERS + 1), "ü" * 20, "s s" * 10]
)
async def test_a_secret_that_will_not_do_is_refused_and_not_quoted(apps: Apps, app: App, secret: str) -> None:
    with pytest.raises(BadRequest, match="callback_secret") as refused:
        await apps.change_settings(app.app_id, {"callback_secret": secret})

    assert secret not in refused.value.text
