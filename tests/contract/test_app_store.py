"""``AppStore``."""

from __future__ import annotations

import msgspec

from openmimc.domain.ports import Store
from openmimc.model.app import AppSettings
from tests.contract.drafts import APP, OTHER_APP, app


async def test_an_empty_store_has_no_apps(store: Store) -> None:
    snapshot = await store.load_apps(None)

    assert snapshot is not None
    assert snapshot.apps == ()
    assert await store.load_apps(snapshot.version) is None


async def test_an_app_comes_back_as_it_was_saved(store: Store) -> None:
    saved = app(settings=AppSettings(topicMemberCount=7, inboxTime=30, copyToSender=False), name="d\N{SNOWMAN}")

    await store.save_app(saved)
    snapshot = await store.load_apps(None)

    assert snapshot is not None
    assert snapshot.apps == (saved,)


async def test_every_change_makes_a_new_version(store: Store) -> None:
    first = await store.load_apps(None)
    await store.save_app(app())
    second = await store.load_apps(first.version if first else None)
    rotated = msgspec.structs.replace(app(), key_generation=2, secret_hash=bytes(32))
    await store.save_app(rotated)
    third = await store.load_apps(second.version if second else None)

    assert second is not None
    assert third is not None
    assert second.apps == (app(),)
    assert third.apps == (rotated,)
    assert await store.load_apps(third.version) is None
    await store.delete_app(APP)
    last = await store.load_apps(third.version)
    assert last is not None
    assert last.apps == ()
    versions = [second.version, third.version, last.version]
    assert versions == sorted(set(versions))


async def test_a_deleted_app_is_gone_and_deleting_again_says_so(store: Store) -> None:
    await store.save_app(app())
    await store.save_app(app(OTHER_APP))

    was_there = [await store.delete_app(APP), await store.delete_app(APP)]
    snapshot = await store.load_apps(None)

    assert was_there == [True, False]
    assert snapshot is not None
    assert snapshot.apps == (app(OTHER_APP),)


async def test_deleting_nothing_is_no_new_version(store: Store) -> None:
    snapshot = await store.load_apps(None)

    await store.delete_app(APP)

    assert snapshot is not None
    assert await store.load_apps(snapshot.version) is None
