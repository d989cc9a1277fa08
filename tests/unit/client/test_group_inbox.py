"""The inbox of unlimited groups alone: each message once, in order, whatever happens."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from openmimc.client.groups import GroupInbox, KnownGroups
from openmimc.wire.events import DeliveredGroup, DeliveredGroupMessage

GROUPS = (1, 2)


class Server:
    """The logs of two groups, and one device's cursor in each. Sends nothing twice on a connection."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.cursors = dict.fromkeys(GROUPS, 0)
        self.sent = dict.fromkeys(GROUPS, 0)
        self.has_lost_link = False

    def acknowledge(self, group_id: int, sequence: int) -> None:
        if not self.has_lost_link:
            self.cursors[group_id] = max(self.cursors[group_id], sequence)

    def deliver(self, group_id: int, size: int) -> DeliveredGroup | None:
        first = self.sent[group_id] + 1
        last = min(self.count, self.sent[group_id] + size)
        if self.has_lost_link or first > last:
            return None
        self.sent[group_id] = last
        messages = tuple(
            DeliveredGroupMessage(f"p-{number}", number, 1, "bob", "phone", 2, b"", True, None)
            for number in range(first, last + 1)
        )
        return DeliveredGroup(group_id, last, messages)

    def reconnect(self) -> None:
        self.has_lost_link = False
        self.sent = dict(self.cursors)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.sampled_from(GROUPS), st.integers(1, 5)),
        st.tuples(st.sampled_from(["take", "fail", "cut", "reconnect", "log in anew"]), st.just(0), st.just(0)),
    ),
    max_size=60,
)


@given(steps)
def test_nothing_is_lost_or_doubled_whatever_happens(script: list[tuple[str, int, int]]) -> None:
    """Lists of any size, acknowledgements lost, handlers failing, logins in between: each once, in order."""

    async def play() -> None:
        server = Server(8)
        known = KnownGroups()
        inbox = GroupInbox(known, max_messages=100, acknowledge=server.acknowledge)
        handled: dict[int, list[int]] = {group_id: [] for group_id in GROUPS}
        current: tuple[int, int] | None = None

        def finish() -> None:
            nonlocal current
            if current is not None:
                handled[current[0]].append(current[1])
            current = None

        async def take() -> bool:
            nonlocal current
            finish()
            coming = asyncio.ensure_future(anext(inbox))
            for _ in range(3):
                await asyncio.sleep(0)
            if not coming.done():
                coming.cancel()
                await asyncio.wait((coming,))
                return False
            message = coming.result()
            current = message.group_id, message.sequence
            return True

        for step, group_id, size in script:
            if step == "deliver":
                delivered = server.deliver(group_id, size)
                if delivered is not None:
                    inbox.add(delivered)
            elif step == "take":
                await take()
            elif step == "fail" and current is not None:
                current = None
                inbox.retry_current()
            elif step == "cut":
                server.has_lost_link = True
            elif step == "reconnect":
                server.reconnect()
            elif step == "log in anew":
                finish()  # It was handed over, and the process lives on.
                inbox.close()
                inbox = GroupInbox(known, max_messages=100, acknowledge=server.acknowledge)
                server.reconnect()
        server.reconnect()
        for group_id in GROUPS:
            rest = server.deliver(group_id, 8)
            if rest is not None:
                inbox.add(rest)
        while await take():
            pass

        assert handled == {group_id: list(range(1, 9)) for group_id in GROUPS}
        assert server.cursors == dict.fromkeys(GROUPS, 8)

    asyncio.run(play())
