from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from openmimc.app import background
from openmimc.domain.apps import Apps
from openmimc.domain.ports import AppsSnapshot, SweepCursor
from openmimc.errors import Unavailable
from openmimc.model.callback import CallbackState
from openmimc.model.ids import AppId, UserId
from openmimc.webhook import WebhookStats
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore


class Enough(Exception):
    """Ends a loop that has no end."""


class Naps:
    """A sleep that takes no time, remembers what was asked for, and ends the loop after some naps."""

    def __init__(self, end_after: int, between: Callable[[int], None] = lambda nap: None) -> None:
        self.asked_s: list[float] = []
        self._end_after = end_after
        self._between = between

    async def __call__(self, delay_s: float) -> None:
        self.asked_s.append(delay_s)
        if len(self.asked_s) >= self._end_after:
            raise Enough
        self._between(len(self.asked_s))


class SweptStore:
    """A store whose steps come to what the test says."""

    def __init__(self, *outcomes: SweepCursor | Exception) -> None:
        self._outcomes = list(outcomes)
        self.asked: list[SweepCursor] = []

    async def sweep(self, cursor: SweepCursor, limit: int) -> SweepCursor:
        self.asked.append(cursor)
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def test_a_round_of_sweeping_goes_on_where_its_last_step_ended() -> None:
    middle, done = SweepCursor(stage=1, after=7, deleted=3), SweepCursor(stage=2, is_done=True)
    store = SweptStore(middle, done, middle)
    naps = Naps(end_after=3)

    with pytest.raises(Enough):
        await background.sweep(store, sleep=naps)

    assert store.asked == [SweepCursor(), middle, SweepCursor()]
    assert naps.asked_s[0] < 1
    assert naps.asked_s[1] == background.SWEEP_EVERY_S


async def test_a_sweep_rests_longer_than_it_works() -> None:
    store = SweptStore(SweepCursor(stage=1), SweepCursor(stage=1))
    naps = Naps(end_after=2)

    with pytest.raises(Enough):
        await background.sweep(store, sleep=naps)

    assert min(naps.asked_s) >= background.SWEEP_PAUSE_MIN_S


async def test_a_step_that_the_store_could_not_do_is_repeated() -> None:
    middle = SweepCursor(stage=1, after=7)
    store = SweptStore(middle, Unavailable("disk full"), SweepCursor(is_done=True))
    naps = Naps(end_after=3)

    with pytest.raises(Enough):
        await background.sweep(store, sleep=naps)

    assert store.asked == [SweepCursor(), middle, middle]
    assert naps.asked_s[1] == background.RETRY_AFTER_S


async def test_a_bug_in_a_sweep_ends_the_round_and_not_the_sweeping() -> None:
    store = SweptStore(SweepCursor(stage=1), ZeroDivisionError(), SweepCursor(is_done=True))
    naps = Naps(end_after=3)

    with pytest.raises(Enough):
        await background.sweep(store, sleep=naps)

    assert store.asked == [SweepCursor(), SweepCursor(stage=1), SweepCursor()]
    assert naps.asked_s[1] == background.SWEEP_EVERY_S


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_700_000_000_000)


async def test_apps_that_another_process_changed_are_known_within_a_second(clock: FakeClock) -> None:
    store = MemoryStore(clock)
    apps, elsewhere = Apps(store, clock), Apps(store, clock)
    app, _ = await elsewhere.create_app("shop")
    told: list[bool] = []

    with pytest.raises(Enough):
        await background.refresh_apps(
            apps, on_change=lambda: told.append(apps.find(app.app_id) is not None), sleep=Naps(end_after=2)
        )

    assert told == [True]


async def test_a_change_is_told_though_somebody_else_refreshed_first(clock: FakeClock) -> None:
    store = MemoryStore(clock)
    apps = Apps(store, clock)
    told: list[None] = []
    naps = asyncio.Event()

    async def refresh_meanwhile(delay_s: float) -> None:
        if naps.is_set():
            raise Enough
        naps.set()
        told.clear()
        await Apps(store, clock).create_app("shop")
        await apps.refresh()

    with pytest.raises(Enough):
        await background.refresh_apps(apps, on_change=lambda: told.append(None), sleep=refresh_meanwhile)

    assert told == [None]


@pytest.mark.parametrize("error", [Unavailable("disk full"), ZeroDivisionError()])
async def test_a_failed_refresh_is_tried_again(clock: FakeClock, error: Exception) -> None:
    class Failing(MemoryStore):
        is_failing = True

        async def load_apps(self, known_version: int | None) -> AppsSnapshot | None:
            if self.is_failing:
                self.is_failing = False
                raise error
            return await super().load_apps(known_version)

    store = Failing(clock)
    apps = Apps(store, clock)
    told: list[None] = []

    with pytest.raises(Enough):
        await background.refresh_apps(apps, on_change=lambda: told.append(None), sleep=Naps(end_after=2))

    assert apps.version is not None
    assert told == [None]


class CountedStore:
    """A store whose callbacks are as many as the test says."""

    def __init__(self, *outcomes: dict[tuple[AppId, CallbackState], int] | Exception) -> None:
        self._outcomes = list(outcomes)

    async def count_callbacks(self) -> dict[tuple[AppId, CallbackState], int]:
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def test_callbacks_are_counted_over_all_apps() -> None:
    stats = WebhookStats()
    store = CountedStore(
        {
            (AppId(1), CallbackState.WAITING): 3,
            (AppId(2), CallbackState.WAITING): 4,
            (AppId(2), CallbackState.DEAD): 5,
        }
    )

    with pytest.raises(Enough):
        await background.count_callbacks(store, stats, sleep=Naps(end_after=1))  # type: ignore[arg-type] # The one method it needs.

    assert (stats.waiting, stats.dead) == (7, 5)


@pytest.mark.parametrize("trouble", [Unavailable("disk full"), RuntimeError("a bug")])
async def test_a_count_that_fails_leaves_the_last_one_and_is_repeated(trouble: Exception) -> None:
    stats = WebhookStats()
    one = {(AppId(1), CallbackState.WAITING): 1}
    seen: list[int] = []
    naps = Naps(end_after=3, between=lambda nap: seen.append(stats.waiting))

    with pytest.raises(Enough):
        await background.count_callbacks(CountedStore(one, trouble, {}), stats, sleep=naps)  # type: ignore[arg-type] # The one method it needs.

    assert seen == [1, 1]
    assert stats.waiting == 0


# ------------------------------------------------------------------ bans and revocations


async def test_revocations_of_before_the_start_end_nothing_and_later_ones_are_told_once() -> None:
    store = MemoryStore(FakeClock())
    alice, bob = await store.ensure_accounts(AppId(1), ("alice", "bob"))
    await store.change_account(alice.user_id, is_banned=True)
    told: list[tuple[UserId, ...]] = []
    naps = Naps(end_after=4)

    async def nap(delay_s: float) -> None:
        await naps(delay_s)
        if len(naps.asked_s) == 1:
            await store.change_account(bob.user_id, revoke_tokens=True)
            await store.change_account(alice.user_id, revoke_tokens=True)

    with pytest.raises(Enough):
        await background.enforce_accounts(store, told.append, sleep=nap)

    assert told == [(), (bob.user_id, alice.user_id), (), ()]
    assert naps.asked_s == [background.ENFORCE_ACCOUNTS_EVERY_S] * 4
    assert background.ENFORCE_ACCOUNTS_EVERY_S < 1


async def test_revocations_of_a_time_without_a_store_are_told_when_it_is_back() -> None:
    store = MemoryStore(FakeClock())
    (alice,) = await store.ensure_accounts(AppId(1), ("alice",))
    told: list[tuple[UserId, ...]] = []
    naps = Naps(end_after=4)

    async def nap(delay_s: float) -> None:
        await naps(delay_s)
        if len(naps.asked_s) == 1:
            await store.change_account(alice.user_id, is_banned=True)
            store.fail_next(2)

    with pytest.raises(Enough):
        await background.enforce_accounts(store, told.append, sleep=nap)

    assert told == [(), (alice.user_id,)]


async def test_a_defect_in_ending_sessions_does_not_end_the_watch() -> None:
    store = MemoryStore(FakeClock())
    naps = Naps(end_after=2)

    def fail(_user_ids: tuple[UserId, ...]) -> None:
        raise RuntimeError("a defect")

    with pytest.raises(Enough):
        await background.enforce_accounts(store, fail, sleep=naps)


async def test_health_is_sampled_each_second() -> None:
    naps = Naps(end_after=3)
    monitor = CountingMonitor()

    with pytest.raises(Enough):
        await background.sample_health(monitor, sleep=naps)

    assert monitor.samples == 2
    assert naps.asked_s == [1.0] * 3


class CountingMonitor:
    def __init__(self) -> None:
        self.samples = 0

    def sample(self) -> None:
        self.samples += 1
