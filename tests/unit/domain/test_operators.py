from __future__ import annotations

import asyncio
import hashlib

import pytest

from openmimc.domain.operators import (
    ATTEMPT_EVERY_MS,
    NAME_BURST,
    PEER_BURST,
    SESSION_MS,
    Operators,
    SignIn,
    csrf_of,
    site_of,
)
from openmimc.errors import (
    BadOperatorName,
    BadPassword,
    DomainError,
    NameTaken,
    NoSuchOperator,
    NotSignedIn,
    SignInRefused,
    TooManyAttempts,
    WrongSetupCode,
)
from openmimc.model.operator import Operator, OperatorSession
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore

PASSWORD = "correct horse battery"
OTHER = "another horse battery"
PEER = "192.0.2.7"


class CountingHasher:
    """Hashes at once, and keeps what it was asked; no password is in the hashes."""

    def __init__(self) -> None:
        self.hashed = 0
        self.verified: list[str] = []

    def hash(self, password: str) -> str:
        self.hashed += 1
        return hashlib.sha256(password.encode()).hexdigest()

    def verify(self, stored: str, password: str) -> bool:
        self.verified.append(stored)
        return stored == hashlib.sha256(password.encode()).hexdigest()


class Office:
    """Operators over a store in memory."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.hasher = CountingHasher()
        self.operators = Operators(self.store, self.clock, hasher=self.hasher)

    async def sign_in(self, name: str = "Ana", password: str = PASSWORD, peer: str = PEER) -> SignIn:
        return await self.operators.sign_in(name, password, peer=peer)

    async def is_signed_in(self, sign_in: SignIn) -> bool:
        try:
            signed = await self.operators.check(sign_in.token)
        except NotSignedIn:
            return False
        assert signed.name == sign_in.name
        return True


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
async def staffed(office: Office) -> Office:
    """Ana is an operator."""
    await office.operators.create("Ana", PASSWORD)
    return office


# ---------------------------------------------------------------- set-up


async def test_the_code_makes_the_first_operator_and_signs_them_in(office: Office) -> None:
    assert await office.operators.needs_setup()
    code = office.operators.new_setup_code()

    sign_in = await office.operators.set_up(code, "Ana", PASSWORD)

    assert sign_in.name == "Ana"
    assert await office.is_signed_in(sign_in)
    assert not await office.operators.needs_setup()
    assert await office.is_signed_in(await office.sign_in())


async def test_a_code_is_good_once(office: Office) -> None:
    code = office.operators.new_setup_code()
    await office.operators.set_up(code, "Ana", PASSWORD)

    with pytest.raises(WrongSetupCode):
        await office.operators.set_up(code, "Eve", PASSWORD)

    assert [operator.name for operator in await office.operators.list()] == ["Ana"]


async def test_a_used_code_stays_used_when_the_last_operator_is_removed(office: Office) -> None:
    code = office.operators.new_setup_code()
    await office.operators.set_up(code, "Ana", PASSWORD)
    await office.operators.remove("Ana")

    with pytest.raises(WrongSetupCode):
        await office.operators.set_up(code, "Eve", PASSWORD)


async def test_of_two_with_the_code_one_becomes_the_operator(office: Office) -> None:
    code = office.operators.new_setup_code()

    answers = await asyncio.gather(
        office.operators.set_up(code, "Ana", PASSWORD),
        office.operators.set_up(code, "Eve", PASSWORD),
        return_exceptions=True,
    )

    assert sorted(type(answer).__name__ for answer in answers) == ["SignIn", "WrongSetupCode"]
    assert len(await office.operators.list()) == 1


@pytest.mark.parametrize("wrong", ["", "x", "ü" * 27, "half a pair \ud83d"])
async def test_another_code_is_refused_before_any_password_is_hashed(office: Office, wrong: str) -> None:
    office.operators.new_setup_code()

    with pytest.raises(WrongSetupCode):
        await office.operators.set_up(wrong, "Ana", PASSWORD)

    assert office.hasher.hashed == 0


async def test_without_a_code_none_is_right(office: Office) -> None:
    with pytest.raises(WrongSetupCode):
        await office.operators.set_up("", "Ana", PASSWORD)


async def test_a_new_code_replaces_the_old_one(office: Office) -> None:
    old = office.operators.new_setup_code()
    new = office.operators.new_setup_code()

    with pytest.raises(WrongSetupCode):
        await office.operators.set_up(old, "Ana", PASSWORD)

    assert old != new
    assert await office.operators.set_up(f" {new}\n", "Ana", PASSWORD)


async def test_an_operator_made_elsewhere_voids_the_code(office: Office) -> None:
    code = office.operators.new_setup_code()
    await office.operators.create("Ana", PASSWORD)

    with pytest.raises(WrongSetupCode):
        await office.operators.set_up(code, "Eve", PASSWORD)

    assert [operator.name for operator in await office.operators.list()] == ["Ana"]


@pytest.mark.parametrize(("name", "password"), [("", PASSWORD), ("Ana", "too short")])
async def test_a_bad_name_or_password_leaves_the_code_good(office: Office, name: str, password: str) -> None:
    code = office.operators.new_setup_code()

    with pytest.raises((BadOperatorName, BadPassword)):
        await office.operators.set_up(code, name, password)

    assert await office.operators.set_up(code, "Ana", PASSWORD)


# ---------------------------------------------------------------- sign-in


async def test_a_wrong_password_and_an_unknown_name_are_told_alike(staffed: Office) -> None:
    refusals = []
    for name, password in [("Ana", OTHER), ("Eve", PASSWORD), ("", ""), ("x" * 1000, "half a pair \ud83d")]:
        with pytest.raises(SignInRefused) as refused:
            await staffed.sign_in(name, password)
        refusals.append((type(refused.value), refused.value.code, refused.value.text))

    assert len(set(refusals)) == 1


async def test_an_unknown_name_costs_as_much_work_as_a_wrong_password(staffed: Office) -> None:
    with pytest.raises(SignInRefused):
        await staffed.sign_in("Ana", OTHER)  # Also pays for what is compared with in place of a password.
    hashed = staffed.hasher.hashed
    staffed.hasher.verified.clear()

    for name, password in [("Ana", OTHER), ("Eve", OTHER), ("", ""), ("Eve", "half a pair \ud83d")]:
        with pytest.raises(SignInRefused):
            await staffed.sign_in(name, password)

    assert len(staffed.hasher.verified) == 4
    assert staffed.hasher.hashed == hashed


async def test_whoever_comes_first_pays_for_the_decoy_with_any_name() -> None:
    work = []
    for name in ("Ana", "Eve"):
        office = Office()
        await office.operators.create("Ana", PASSWORD)
        with pytest.raises(SignInRefused):
            await office.sign_in(name, OTHER)
        work.append((office.hasher.hashed, len(office.hasher.verified)))

    assert work == [(2, 1), (2, 1)]


async def test_the_decoys_password_signs_nobody_in(staffed: Office) -> None:
    with pytest.raises(SignInRefused):
        await staffed.sign_in("Eve", "nobody's password")


async def test_a_name_typed_in_two_ways_is_one_name(office: Office) -> None:
    await office.operators.create("Zo\u00eb", PASSWORD)

    assert (await office.sign_in("Zoe\u0308")).name == "Zo\u00eb"


async def test_names_differ_by_case(staffed: Office) -> None:
    with pytest.raises(SignInRefused):
        await staffed.sign_in("ana")


# ---------------------------------------------------------------- limits


async def test_a_peer_that_guesses_has_to_wait(staffed: Office) -> None:
    for number in range(PEER_BURST):
        with pytest.raises(SignInRefused):
            await staffed.sign_in(f"name {number}", OTHER)
    staffed.hasher.verified.clear()

    with pytest.raises(TooManyAttempts) as refused:
        await staffed.sign_in()

    assert refused.value.retry_after_s == ATTEMPT_EVERY_MS // 1000
    assert staffed.hasher.verified == []
    assert await staffed.sign_in(peer="192.0.2.8")


async def test_a_limit_ends_when_it_said(staffed: Office) -> None:
    for number in range(PEER_BURST):
        with pytest.raises(SignInRefused):
            await staffed.sign_in(f"name {number}", OTHER)
    with pytest.raises(TooManyAttempts) as refused:
        await staffed.sign_in()

    staffed.clock.advance(refused.value.retry_after_s * 1000 - 1)
    with pytest.raises(TooManyAttempts) as once_more:
        await staffed.sign_in()
    staffed.clock.advance(1)

    assert once_more.value.retry_after_s == 1
    assert await staffed.sign_in()


async def test_a_name_that_is_guessed_from_everywhere_has_to_wait(staffed: Office) -> None:
    for number in range(NAME_BURST):
        with pytest.raises(SignInRefused):
            await staffed.sign_in(password=OTHER, peer=f"198.51.100.{number}")

    with pytest.raises(TooManyAttempts):
        await staffed.sign_in(peer="203.0.113.1")


async def test_one_peer_alone_can_not_lock_a_name_out(staffed: Office) -> None:
    for _ in range(10 * NAME_BURST):
        with pytest.raises((SignInRefused, TooManyAttempts)):
            await staffed.sign_in(password=OTHER, peer="198.51.100.1")

    assert await staffed.sign_in(peer="203.0.113.1")


async def test_signing_in_rightly_is_never_too_often(staffed: Office) -> None:
    for _ in range(3 * NAME_BURST):
        await staffed.sign_in()


async def test_attempts_at_the_same_time_are_counted_before_any_is_decided(staffed: Office) -> None:
    answers = await asyncio.gather(
        *(staffed.sign_in(password=OTHER) for _ in range(2 * PEER_BURST)), return_exceptions=True
    )

    kinds = [type(answer) for answer in answers]
    assert kinds.count(SignInRefused) == PEER_BURST
    assert kinds.count(TooManyAttempts) == PEER_BURST


@pytest.mark.parametrize(
    ("peer", "site"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_peers_are_counted_by_what_one_person_has(peer: str, site: str) -> None:
    assert site_of(peer) == site


# ---------------------------------------------------------------- sessions


async def test_every_sign_in_is_a_session_of_its_own(staffed: Office) -> None:
    first, second = await staffed.sign_in(), await staffed.sign_in()

    await staffed.operators.sign_out(first.token)

    assert first.token != second.token
    assert not await staffed.is_signed_in(first)
    assert await staffed.is_signed_in(second)


async def test_a_session_ends_after_twelve_hours(staffed: Office) -> None:
    sign_in = await staffed.sign_in()
    staffed.clock.advance(SESSION_MS - 1)
    before = await staffed.is_signed_in(sign_in)
    staffed.clock.advance(1)

    assert before
    assert not await staffed.is_signed_in(sign_in)
    assert sign_in.expires_ms == staffed.clock.now_ms()


@pytest.mark.parametrize("token", ["", "x", "half a pair \ud83d"])
async def test_a_made_up_token_is_nobodys(staffed: Office, token: str) -> None:
    await staffed.sign_in()

    with pytest.raises(NotSignedIn):
        await staffed.operators.check(token)
    await staffed.operators.sign_out(token)


async def test_the_store_never_sees_a_token(staffed: Office) -> None:
    sign_in = await staffed.sign_in()

    session = await staffed.store.find_operator_session(hashlib.sha256(sign_in.token.encode()).digest())

    assert session is not None
    assert sign_in.token not in repr(session)


async def test_signing_out_everywhere_ends_ones_own_sessions_alone(staffed: Office) -> None:
    await staffed.operators.create("Bo", OTHER)
    mine = [await staffed.sign_in() for _ in range(3)]
    other = await staffed.sign_in("Bo", OTHER)

    await staffed.operators.sign_out_everywhere("Ana")

    assert [await staffed.is_signed_in(sign_in) for sign_in in mine] == [False] * 3
    assert await staffed.is_signed_in(other)


async def test_a_sessions_forms_carry_what_follows_from_its_token(staffed: Office) -> None:
    first, second = await staffed.sign_in(), await staffed.sign_in()

    signed = await staffed.operators.check(first.token)

    assert signed.csrf == csrf_of(first.token)
    assert csrf_of(first.token) != csrf_of(second.token)
    assert first.token not in signed.csrf


# ---------------------------------------------------------------- passwords


async def test_a_changed_password_ends_all_sessions_and_begins_one(staffed: Office) -> None:
    before = [await staffed.sign_in() for _ in range(2)]

    after = await staffed.operators.change_password("Ana", PASSWORD, OTHER)

    assert [await staffed.is_signed_in(sign_in) for sign_in in before] == [False, False]
    assert await staffed.is_signed_in(after)
    assert await staffed.sign_in(password=OTHER)
    with pytest.raises(SignInRefused):
        await staffed.sign_in(password=PASSWORD)


@pytest.mark.parametrize(
    ("old", "new", "refusal"), [(OTHER, "a third password", SignInRefused), (PASSWORD, "short", BadPassword)]
)
async def test_a_password_that_is_not_changed_changes_nothing(
    staffed: Office, old: str, new: str, refusal: type[DomainError]
) -> None:
    sign_in = await staffed.sign_in()

    with pytest.raises(refusal):
        await staffed.operators.change_password("Ana", old, new)

    assert await staffed.is_signed_in(sign_in)
    assert await staffed.sign_in(password=PASSWORD)


async def test_the_old_password_can_not_be_guessed_without_end(staffed: Office) -> None:
    for _ in range(NAME_BURST):
        with pytest.raises(SignInRefused):
            await staffed.operators.change_password("Ana", OTHER, "a third password")

    with pytest.raises(TooManyAttempts):
        await staffed.operators.change_password("Ana", PASSWORD, OTHER)


async def test_who_has_the_machine_sets_a_password_without_the_old_one(staffed: Office) -> None:
    sign_in = await staffed.sign_in()
    created_ms = (await staffed.operators.list())[0].created_ms
    staffed.clock.advance(1000)

    operator = await staffed.operators.set_password("Ana", OTHER)

    assert operator.created_ms == created_ms
    assert not await staffed.is_signed_in(sign_in)
    assert await staffed.sign_in(password=OTHER)


class StoreOfAnotherProcess(MemoryStore):
    """A store in which another process acts while a password is being looked at."""

    operator_then: Operator | None = None

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.saved: list[bytes] = []

    async def save_operator_session(self, session: OperatorSession) -> None:
        if self.operator_then is None:
            await self.delete_operator("Ana")
        else:
            await self.save_operator(self.operator_then)
        await super().save_operator_session(session)
        self.saved.append(session.token_hash)


@pytest.mark.parametrize("operator_then", [None, Operator("Ana", "another hash", 0)])
async def test_a_password_replaced_during_a_sign_in_leaves_no_session(operator_then: Operator | None) -> None:
    clock = FakeClock()
    store = StoreOfAnotherProcess(clock)
    operators = Operators(store, clock, hasher=CountingHasher())
    await operators.create("Ana", PASSWORD)
    store.operator_then = operator_then

    with pytest.raises(SignInRefused):
        await operators.sign_in("Ana", PASSWORD, peer=PEER)

    (saved,) = store.saved
    assert await store.find_operator_session(saved) is None


# ---------------------------------------------------------------- making and removing


@pytest.mark.parametrize("name", ["A", "x" * 64, "Ana María", "管理员", "ana@example.com"])
async def test_a_name_may_be_any_text_that_can_be_seen(office: Office, name: str) -> None:
    await office.operators.create(name, PASSWORD)

    assert (await office.sign_in(name)).name == name


@pytest.mark.parametrize(
    "name", ["", " ", " Ana", "Ana ", "x" * 65, "A\nna", "A\0na", "A\u202ena", "half a pair \ud83d"]
)
async def test_what_can_be_no_name_is_refused(office: Office, name: str) -> None:
    with pytest.raises(BadOperatorName):
        await office.operators.create(name, PASSWORD)

    assert await office.operators.needs_setup()


async def test_a_name_is_given_once(staffed: Office) -> None:
    with pytest.raises(NameTaken):
        await staffed.operators.create("Ana", OTHER)

    assert await staffed.sign_in(password=PASSWORD)


async def test_a_removed_operator_is_out_at_once(staffed: Office) -> None:
    sign_in = await staffed.sign_in()

    await staffed.operators.remove("Ana")

    assert not await staffed.is_signed_in(sign_in)
    assert await staffed.operators.needs_setup()
    with pytest.raises(SignInRefused):
        await staffed.sign_in()


async def test_who_is_not_there_can_be_neither_removed_nor_changed(office: Office) -> None:
    with pytest.raises(NoSuchOperator):
        await office.operators.remove("Ana")
    with pytest.raises(NoSuchOperator):
        await office.operators.set_password("Ana", PASSWORD)


async def test_operators_are_listed_oldest_first(office: Office) -> None:
    for name in ("Bo", "Ana"):
        await office.operators.create(name, PASSWORD)
        office.clock.advance(1)

    assert [operator.name for operator in await office.operators.list()] == ["Bo", "Ana"]
