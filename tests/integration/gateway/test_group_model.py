"""Any series of joining, leaving, dismissing, reconnecting and talking: who gets what equals a small model."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openmimc.gateway import GatewayLimits
from openmimc.model.ids import TopicId
from openmimc.wire.events import DeliveredGroup, GroupAck, GroupDismissed, GroupRequest, Ping, Pong
from tests.integration.gateway.conftest import RunningGateway
from tests.integration.gateway.test_unlimited_groups import ask, dismiss, new_group, say
from tests.integration.raw_client import RawClient

Device = tuple[str, str]

DEVICES: list[Device] = [(user, kind) for user in ("alice", "bob", "carol") for kind in ("tcp", "websocket")]
STEPS = st.one_of(
    st.tuples(st.sampled_from(["say", "say", "join", "quit", "go", "come"]), st.sampled_from(DEVICES)),
    st.tuples(st.sampled_from(["dismiss", "restart"]), st.just(DEVICES[0])),
)


class Model:
    """Who gets what: every device of every member but the sending one, those that are away when they come."""

    def __init__(self) -> None:
        self.members: set[str] = set()
        self.waiting: dict[Device, list[str]] = defaultdict(list)
        self.heard: dict[Device, list[str]] = defaultdict(list)

    def say(self, sender: Device, text: str) -> None:
        for device in DEVICES:
            if device != sender and sender[0] in self.members and device[0] in self.members:
                self.waiting[device].append(text)

    def settle(self, here: set[Device]) -> None:
        for device in DEVICES:
            if device in here and device[0] in self.members:
                self.heard[device] += self.waiting[device]
            if device in here or device[0] not in self.members:
                self.waiting[device].clear()


class World:
    """The server, the devices that are there, and what each of them got."""

    def __init__(self, folder: Path) -> None:
        self.server = RunningGateway(folder / "store.db", GatewayLimits())
        self.clients: dict[Device, RawClient] = {}
        self.heard: dict[Device, list[str]] = defaultdict(list)
        self.sequences: dict[Device, list[int]] = defaultdict(list)
        self.dismissals = 0

    async def come(self, device: Device) -> None:
        if device not in self.clients:
            user, transport = device
            self.clients[device] = await self.server.login(self.app, user, transport, transport=transport)

    async def go(self, device: Device) -> None:
        if client := self.clients.pop(device, None):
            await client.send(Ping())
            await client.expect(Pong)
            await client.aclose()

    async def settle(self, expected: dict[Device, list[str]]) -> None:
        """Take in what arrives until it is what is expected, or clearly something else."""
        for attempt in range(200):
            for device, client in self.clients.items():
                await self._take(device, client)
            if attempt and all(self.heard[device] == expected[device] for device in DEVICES):
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"got {dict(self.heard)}, expected {dict(expected)}")

    async def _take(self, device: Device, client: RawClient) -> None:
        for event in [event for event in client.events if isinstance(event, DeliveredGroup | GroupDismissed)]:
            client.events.remove(event)
            if isinstance(event, GroupDismissed):
                self.dismissals += 1
                continue
            self.heard[device] += [message.payload.decode() for message in event.messages]
            self.sequences[device] += [message.sequence for message in event.messages]
            await client.send(GroupAck(event.group_id, event.max_sequence))


async def play(steps: list[tuple[str, Device]], folder: Path) -> None:
    world, model = World(folder), Model()
    server = world.server
    await server.start()
    try:
        world.app = await server.new_app()
        group_id: TopicId = await new_group(server, world.app)
        is_there = True
        for number, (step, device) in enumerate(steps):
            here = set(world.clients)
            if step == "come":
                await world.come(device)
            elif step == "go":
                await world.go(device)
            elif step == "restart":
                for each in DEVICES:
                    await world.go(each)
                await server.restart()
            elif step == "dismiss" and is_there:
                is_there = False
                inside = len([each for each in here if each[0] in model.members])
                await dismiss(server, world.app, group_id)
                model.members.clear()
                await until(world, model, inside)
            elif device in here and step in ("join", "quit"):
                request = GroupRequest.JOIN if step == "join" else GroupRequest.QUIT
                code = (await ask(world.clients[device], request, group_id)).code
                assert code == (0 if is_there else 404)
                if is_there:
                    (model.members.add if step == "join" else model.members.discard)(device[0])
            elif device in here and step == "say":
                code = (await say(world.clients[device], group_id, f"{number}")).code
                assert code == (404 if not is_there else 0 if device[0] in model.members else 403)
                model.say(device, f"{number}")
            model.settle(set(world.clients))
            await world.settle(model.heard)
        await asyncio.sleep(0.02)
        await world.settle(model.heard)
        for sequences in world.sequences.values():
            assert sequences == sorted(set(sequences))
    finally:
        await server.stop()


async def until(world: World, model: Model, dismissals: int) -> None:
    for _ in range(200):
        await world.settle(model.heard)
        if world.dismissals == dismissals:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"{world.dismissals} were told of {dismissals}")


@given(st.lists(STEPS, min_size=1, max_size=30))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_who_gets_what_equals_the_model(steps: list[tuple[str, Device]]) -> None:
    everybody = [(step, device) for device in DEVICES[::2] for step in ("come", "join")]
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(everybody + steps, Path(folder)))
