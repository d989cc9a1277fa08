"""Two ends of a connection in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count

from openmimc.wire.connection import Connection, Framing, Identity, Role
from openmimc.wire.events import Conn, ConnResponse, Event

CHALLENGE = "1a2b3c4d5e"
ALICE = Identity(
    app_id=2882303761500000001,
    user_id=70001000000001,
    account="alice",
    resource="res-alice-1",
    security_key=bytes(range(16)),
    package="com.example.chat",
)


def ids(*values: str) -> Callable[[], str]:
    """Header ids in this order; asking for more is an error of the test."""
    return iter(values).__next__


def counted_ids(prefix: str = "id-") -> Callable[[], str]:
    """Header ids that never end."""
    numbers = count(1)
    return lambda: f"{prefix}{next(numbers)}"


def drain(connection: Connection) -> list[Event]:
    """Every event that is ready."""
    events = []
    while (event := connection.next_event()) is not None:
        events.append(event)
    return events


def receive(connection: Connection, packets: Iterable[bytes]) -> list[Event]:
    """Hand packets over one by one and return the events they make."""
    events = []
    for packet in packets:
        connection.receive_data(packet)
        events += drain(connection)
    return events


def pass_on(sender: Connection, receiver: Connection) -> list[Event]:
    """Move what waits in one end to the other."""
    return receive(receiver, sender.packets_to_send())


def greeted_pair(
    framing: Framing, *, udid: str = "", max_body_bytes: int = 131_072
) -> tuple[Connection, Connection]:
    """A client and a server after CONN and its answer; nobody is bound."""
    client = Connection(Role.CLIENT, framing, max_body_bytes=max_body_bytes, next_id=counted_ids("client-"))
    server = Connection(Role.SERVER, framing, max_body_bytes=max_body_bytes, next_id=counted_ids("server-"))
    client.send(Conn(udid=udid))
    pass_on(client, server)
    server.send(ConnResponse(challenge=CHALLENGE))
    pass_on(server, client)
    return client, server


def bound_pair(
    framing: Framing, identity: Identity = ALICE, *, udid: str = "", max_body_bytes: int = 131_072
) -> tuple[Connection, Connection]:
    """A client and a server that read and write this user's messages."""
    client, server = greeted_pair(framing, udid=udid, max_body_bytes=max_body_bytes)
    client.set_identity(identity)
    server.set_identity(identity)
    return client, server
