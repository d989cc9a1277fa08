"""Which scenarios, how large and how long."""

from __future__ import annotations

from typing import Self

import msgspec
from msgspec import Struct

SCENARIOS = ("p2p", "group", "unlimited", "login", "idle", "push", "history")


class Plan(Struct, frozen=True):
    """Sizes and durations; the defaults fit two cores and about a minute for each scenario.

    Attributes:
        scenarios: Some of ``SCENARIOS``, in order.
        seconds: How long a scenario is measured, and the relay as long again.
        warm_up_s: How long it runs before.
        rounds: Into how many parts the time is cut, server and relay by turns.
        workers: Processes that make the load.
        with_relay: Whether the bare relay runs as well.
        payload_bytes: Of each message.
        pairs: ``p2p``: pairs of devices, of which one writes to the other.
        in_flight: ``p2p``: messages under way per pair; one measurement for each.
        members: ``group``: devices in the topic, senders included.
        crowd: ``unlimited``: devices in the unlimited group.
        logins_at_once: ``login``: connections that log in at the same time.
        accounts: ``login``: users that take turns.
        idle: ``idle``: connections.
        settle_s: ``idle``: how long they have been silent when memory is read.
        push_lanes: ``push``: HTTP connections, and devices that receive.
        readers: ``history``: HTTP connections.
        page_rows: ``history``: messages of a page.
        history: Messages that are stored before the first scenario.
        connections: Connections that stay logged in and silent during all scenarios.
    """

    scenarios: tuple[str, ...] = SCENARIOS
    seconds: float = 16.0
    warm_up_s: float = 2.0
    rounds: int = 4
    workers: int = 1
    with_relay: bool = True
    payload_bytes: int = 200
    pairs: int = 100
    in_flight: tuple[int, ...] = (1, 16)
    members: int = 500
    crowd: int = 5_000
    logins_at_once: int = 100
    accounts: int = 1_000
    idle: int = 5_000
    settle_s: float = 30.0
    push_lanes: int = 16
    readers: int = 8
    page_rows: int = 100
    history: int = 0
    connections: int = 0

    def quickened(self) -> Self:
        """The same with sizes that take seconds: to see that all works, not to measure."""
        return msgspec.structs.replace(
            self,
            seconds=0.4,
            warm_up_s=0.1,
            rounds=2,
            workers=min(self.workers, 2),
            pairs=4,
            members=8,
            crowd=12,
            logins_at_once=4,
            accounts=8,
            idle=20,
            settle_s=0.2,
            push_lanes=2,
            readers=2,
            page_rows=10,
        )
