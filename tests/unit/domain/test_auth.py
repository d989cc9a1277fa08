"""Tokens, security keys and app credentials."""

from __future__ import annotations

import base64

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmimc.domain.apps import Apps
from openmimc.domain.auth import Auth
from openmimc.errors import (
    AccountBanned,
    BadRequest,
    InvalidToken,
    MissingField,
    TokenExpired,
    TooBig,
    UnknownApp,
    WrongAppKey,
    WrongAppSecret,
)
from openmimc.model.app import App
from openmimc.model.ids import AppId
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore

SERVER_KEY = bytes(range(32))


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.apps = Apps(self.store, self.clock)
        self.auth = Auth(self.apps, self.store, SERVER_KEY, self.clock)

    async def new_app(self) -> tuple[App, str]:
        return await self.apps.create_app("demo")


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("account", ["alice", "13800000001", "Ünïcødé", "名字", "a b/c?&=", "x" * 256])
async def test_a_token_stands_for_its_account(world: World, account: str) -> None:
    app, secret = await world.new_app()

    grant = await world.auth.issue_token(app.app_id, app.key, secret, account)
    principal = await world.auth.check_token(grant.token)

    assert principal.account == grant.account
    assert principal.account.name == account
    assert principal.app.app_id == app.app_id


async def test_a_token_is_ascii_and_holds_no_secret(world: World) -> None:
    app, secret = await world.new_app()

    grant = await world.auth.issue_token(app.app_id, app.key, secret, "名字")

    assert grant.token.isascii()
    assert secret not in grant.token
    shown = jwt.decode(grant.token, options={"verify_signature": False})
    assert base64.b64encode(grant.security_key).decode() not in str(shown)


async def test_an_account_is_the_same_at_every_login(world: World) -> None:
    app, secret = await world.new_app()

    first = await world.auth.issue_token(app.app_id, app.key, secret, "alice")
    world.clock.advance(5000)
    second = await world.auth.issue_token(app.app_id, app.key, secret, "alice")

    assert first.account.user_id == second.account.user_id
    assert first.token != second.token


async def test_the_security_key_belongs_to_the_token_and_survives_a_restart(world: World) -> None:
    """SDKs keep the token answer in a file: the key must live as long as the token."""
    app, secret = await world.new_app()
    first = await world.auth.issue_token(app.app_id, app.key, secret, "alice")
    other = await world.auth.issue_token(app.app_id, app.key, secret, "bob")
    restarted = Auth(Apps(world.store, world.clock), world.store, SERVER_KEY, world.clock)

    assert len(first.security_key) == 16
    assert restarted.derive_security_key(first.token) == first.security_key
    assert other.security_key != first.security_key
    assert base64.b64encode(first.security_key).decode() != secret
    assert (await restarted.check_token(first.token)).account.name == "alice"


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda app, secret: (AppId(1), app.key, secret, "alice"), UnknownApp),
        (lambda app, secret: (app.app_id, "1", secret, "alice"), WrongAppKey),
        (lambda app, secret: (app.app_id, app.key, "wrong", "alice"), WrongAppSecret),
        (lambda app, secret: (app.app_id, "1", "wrong", "alice"), WrongAppKey),
        (lambda app, secret: (app.app_id, "", secret, "alice"), MissingField),
        (lambda app, secret: (app.app_id, app.key, "", "alice"), MissingField),
        (lambda app, secret: (app.app_id, app.key, secret, ""), MissingField),
        (lambda app, secret: (app.app_id, app.key, secret, "x" * 257), TooBig),
        (lambda app, secret: (app.app_id, app.key, secret, "a\0"), BadRequest),
        (lambda app, secret: (app.app_id, app.key, secret, "\ud800"), BadRequest),
    ],
)
async def test_credentials_that_do_not_hold_create_nothing(world: World, spoil, error) -> None:  # type: ignore[no-untyped-def]
    app, secret = await world.new_app()

    with pytest.raises(error):
        await world.auth.issue_token(*spoil(app, secret))

    assert await world.store.find_account(app.app_id, "alice") is None


async def test_a_token_expires_at_the_end_of_its_lifetime_and_not_before(world: World) -> None:
    app, _ = await world.new_app()
    app = await world.apps.change_settings(app.app_id, {"tokenLifetime": "60"})
    grant = await world.auth.mint_token(app, "alice")

    world.clock.advance(59_999)
    await world.auth.check_token(grant.token)
    world.clock.advance(1)

    with pytest.raises(TokenExpired):
        await world.auth.check_token(grant.token)


async def test_a_rotated_secret_voids_old_secret_and_tokens(world: World) -> None:
    app, old_secret = await world.new_app()
    grant = await world.auth.issue_token(app.app_id, app.key, old_secret, "alice")

    app, new_secret = await world.apps.rotate_secret(app.app_id)

    with pytest.raises(InvalidToken):
        await world.auth.check_token(grant.token)
    with pytest.raises(WrongAppSecret):
        await world.auth.issue_token(app.app_id, app.key, old_secret, "alice")
    await world.auth.issue_token(app.app_id, app.key, new_secret, "alice")


async def test_revoked_tokens_are_void_and_new_ones_are_not(world: World) -> None:
    app, _ = await world.new_app()
    grant = await world.auth.mint_token(app, "alice")

    await world.store.change_account(grant.account.user_id, revoke_tokens=True)

    with pytest.raises(InvalidToken):
        await world.auth.check_token(grant.token)
    await world.auth.check_token((await world.auth.mint_token(app, "alice")).token)


async def test_a_banned_account_gets_no_token_and_may_not_use_an_old_one(world: World) -> None:
    app, secret = await world.new_app()
    grant = await world.auth.mint_token(app, "alice")

    await world.store.change_account(grant.account.user_id, is_banned=True)

    with pytest.raises(AccountBanned):
        await world.auth.check_token(grant.token)
    with pytest.raises(AccountBanned):
        await world.auth.issue_token(app.app_id, app.key, secret, "alice")
    with pytest.raises(AccountBanned):
        await world.auth.speak_for(app.app_id, app.key, secret, "alice")


async def test_a_deleted_apps_tokens_are_void(world: World) -> None:
    app, _ = await world.new_app()
    grant = await world.auth.mint_token(app, "alice")

    await world.apps.delete_app(app.app_id)

    with pytest.raises(InvalidToken):
        await world.auth.check_token(grant.token)


async def test_a_token_of_another_server_is_void(world: World) -> None:
    app, _ = await world.new_app()
    stranger = Auth(world.apps, world.store, bytes(32), world.clock)
    grant = await stranger.mint_token(app, "alice")

    with pytest.raises(InvalidToken):
        await world.auth.check_token(grant.token)


async def test_a_token_signed_with_no_algorithm_or_the_public_parts_is_void(world: World) -> None:
    app, _ = await world.new_app()
    grant = await world.auth.mint_token(app, "alice")
    claims = jwt.decode(grant.token, options={"verify_signature": False})
    forged = [
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode(claims, "0" * 32, algorithm="HS256"),
        jwt.encode({**claims, "acc": "bob"}, app.key * 4, algorithm="HS256"),
    ]

    for token in forged:
        with pytest.raises(InvalidToken):
            await world.auth.check_token(token)


@given(st.one_of(st.text(), st.text(alphabet='eyJ.=-_09AZaz{}"', max_size=200)))
@settings(max_examples=200, deadline=None)
def test_any_text_is_an_invalid_token_and_nothing_worse(text: str) -> None:
    auth = World().auth

    with pytest.raises(InvalidToken):
        auth._read(text)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_changed_token_is_an_invalid_token(data: st.DataObject) -> None:
    world = World()
    token = jwt.encode({"app": "1"}, world.auth._token_key, algorithm="HS256")
    index = data.draw(st.integers(0, len(token) - 2))  # The last character's low bits may mean nothing.
    replacement = data.draw(st.sampled_from("ABCxyz019-_."))
    changed = token[:index] + replacement + token[index + 1 :]

    with pytest.raises(InvalidToken):
        world.auth._read(changed)


async def test_a_server_key_that_is_too_short_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="server key"):
        Auth(world.apps, world.store, bytes(31), world.clock)
