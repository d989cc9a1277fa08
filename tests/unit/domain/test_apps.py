"""Apps: identity, settings, and changes by other processes."""

from __future__ import annotations

import base64

import msgspec
import pytest

from openmimc.domain.apps import SETTING_RANGES, Apps, hash_secret
from openmimc.errors import BadRequest, MissingField, TooBig, UnknownApp
from openmimc.model.app import AppSettings, Credentials
from openmimc.model.ids import AppId
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(FakeClock())


@pytest.fixture
def apps(store: MemoryStore) -> Apps:
    return Apps(store, FakeClock())


async def test_an_app_has_ids_of_the_original_shapes(apps: Apps) -> None:
    app, secret = await apps.create_app("Yantu Wenxue", "com.example.yantu")

    assert len(str(app.app_id)) == 19
    assert app.app_id < 2**63
    assert app.key.isdigit()
    assert len(base64.b64decode(secret)) == 16
    assert (app.name, app.package) == ("Yantu Wenxue", "com.example.yantu")


async def test_only_a_hash_of_the_secret_is_kept(apps: Apps, store: MemoryStore) -> None:
    app, secret = await apps.create_app("demo")

    snapshot = await store.load_apps(None)

    assert snapshot is not None
    assert secret not in repr(snapshot)
    assert app.secret_hash == hash_secret(app.app_id, secret)


async def test_two_apps_share_nothing(apps: Apps) -> None:
    one, one_secret = await apps.create_app("same")
    two, two_secret = await apps.create_app("same")

    assert one.app_id != two.app_id
    assert one.key != two.key
    assert one_secret != two_secret
    assert one.package != two.package


@pytest.mark.parametrize(("name", "error"), [("", MissingField), ("x" * 129, TooBig), ("a\0", BadRequest)])
async def test_a_name_that_is_none_makes_no_app(apps: Apps, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await apps.create_app(name)

    assert await apps.list_apps() == []


async def test_another_process_sees_changes_when_it_refreshes(apps: Apps, store: MemoryStore) -> None:
    other = Apps(store, FakeClock())
    app, _ = await apps.create_app("demo")

    assert other.find(app.app_id) is None
    assert await other.refresh() is True
    assert await other.refresh() is False
    assert other.find(app.app_id) == app
    await other.delete_app(app.app_id)
    with pytest.raises(UnknownApp):
        await apps.get_app(app.app_id)


@pytest.mark.parametrize("name", SETTING_RANGES)
async def test_a_setting_takes_its_range_and_nothing_beyond(apps: Apps, name: str) -> None:
    app, _ = await apps.create_app("demo")
    low, high = SETTING_RANGES[name]

    for value in (low, high):
        changed = await apps.change_settings(app.app_id, {name: str(value)})
        assert getattr(changed.settings, name) == value
    for value in (low - 1, high + 1):
        with pytest.raises(BadRequest, match=name):
            await apps.change_settings(app.app_id, {name: str(value)})
    assert getattr((await apps.get_app(app.app_id)).settings, name) == high


@pytest.mark.parametrize(
    "changes",
    [
        {"noSuchSetting": "1"},
        {"topicMemberCount": "many"},
        {"topicMemberCount": ""},
        {"copyToSender": "perhaps"},
        {"topicMemberCount": "7", "copyToSender": "perhaps"},
    ],
)
async def test_settings_are_changed_together_or_not_at_all(apps: Apps, changes: dict[str, str]) -> None:
    app, _ = await apps.create_app("demo")

    with pytest.raises(BadRequest):
        await apps.change_settings(app.app_id, changes)

    assert (await apps.get_app(app.app_id)).settings == AppSettings()


def test_every_number_among_the_settings_has_a_range() -> None:
    numbers = {name for name in AppSettings.__struct_fields__ if type(getattr(AppSettings(), name)) is int}

    assert numbers == set(SETTING_RANGES)


async def test_an_unknown_app_can_be_neither_changed_nor_deleted(apps: Apps) -> None:
    nobody = AppId(7)

    with pytest.raises(UnknownApp):
        await apps.change_settings(nobody, {"topicMemberCount": "3"})
    with pytest.raises(UnknownApp):
        await apps.rotate_secret(nobody)
    with pytest.raises(UnknownApp):
        await apps.delete_app(nobody)


OLD = Credentials(AppId(2882303761517613988), "5111761386988", "DTTnDiUr0k7Wxl6Cve8u+A==")


async def test_an_app_may_bring_its_credentials_along(apps: Apps) -> None:
    """So that its clients and its token proxy need no change but an address."""
    app, secret = await apps.create_app("moved", "com.example.moved", credentials=OLD)

    assert (app.app_id, app.key, secret) == (OLD.app_id, OLD.key, OLD.secret)
    assert await apps.check_credentials(OLD.app_id, OLD.key, OLD.secret) == app


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"app_id": AppId(0)}, BadRequest),
        ({"app_id": AppId(2**63)}, BadRequest),
        ({"key": ""}, MissingField),
        ({"key": "1" * 65}, TooBig),
        ({"secret": ""}, MissingField),
        ({"secret": "x" * 15}, BadRequest),
        ({"secret": "x" * 257}, TooBig),
    ],
)
async def test_credentials_that_are_none_make_no_app(
    apps: Apps, changes: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await apps.create_app("moved", credentials=msgspec.structs.replace(OLD, **changes))

    assert await apps.list_apps() == []


async def test_an_id_that_is_taken_is_refused_and_its_app_untouched(apps: Apps) -> None:
    app, _ = await apps.create_app("first", credentials=OLD)

    with pytest.raises(BadRequest, match="already"):
        await apps.create_app("second", credentials=msgspec.structs.replace(OLD, secret="another secret!!"))

    assert await apps.list_apps() == [app]
