"""What the bench and its workers say to each other: one JSON document per line, one answer per order."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from openmimc.bench.arrivals import Faults
from openmimc.bench.sizes import PacketSizes
from openmimc.bench.talk_kind import TalkKind

# ------------------------------------------------------------------ the loads


class Door(Struct, frozen=True):
    """Where the server is, and the app whose users write.

    Attributes:
        http: ``host:port``.
        tcp: ``host:port``.
        app_id: Digits.
    """

    http: str
    tcp: str
    app_id: str
    app_key: str
    app_secret: str


class RelayDoor(Struct, frozen=True):
    """Where the relay is, and how long the packets for it are."""

    tcp: str
    sizes: PacketSizes


class TalkSpec(Struct, frozen=True, tag=True):
    """Rooms of one talker and some listeners each; a talker goes on when all of its room have its message.

    Attributes:
        door: The server.
        relay: In place of the server, the relay.
        kind: What a room is: a pair, or a part of one topic or group, which all workers' rooms share.
        first_account: Number of the first talker's account; the listeners and the other rooms follow.
        rooms: How many rooms.
        listeners: How many listeners in each.
        in_flight: Messages of a talker that not all of its room have yet, at the most.
        payload_bytes: Of each message.
        group_id: The topic or group, or the relay's room; 0 for pairs.
        streams: Upper 48 bits of this talk's streams; of all its rooms on all workers, and nobody else's.
        first_stream: Lower 16 bits of the first room's.
        must_join: Whether devices have to join the group first.
    """

    door: Door
    relay: RelayDoor | None
    kind: TalkKind
    first_account: int
    rooms: int
    listeners: int
    in_flight: int
    payload_bytes: int
    group_id: int
    streams: int
    first_stream: int
    must_join: bool = False


class LoginSpec(Struct, frozen=True, tag=True):
    """Logins one after another, ``at_once`` at a time, each on a connection of its own."""

    door: Door
    first_account: int
    accounts: int
    at_once: int


class IdleSpec(Struct, frozen=True, tag=True):
    """Devices that are logged in and silent, but for keep-alives. Its run logs in as many as ``count`` says."""

    door: Door
    first_account: int
    accounts: int


class PushSpec(Struct, frozen=True, tag=True):
    """Pushes over REST, on ``lanes`` connections, each to a device that listens. Streams as in ``TalkSpec``."""

    door: Door
    first_account: int
    lanes: int
    payload_bytes: int
    streams: int
    first_stream: int


class HistorySpec(Struct, frozen=True, tag=True):
    """Pages of ``rows`` messages of the history of pairs, read on one connection per pair.

    The pairs are those of a ``TalkSpec`` with the same accounts, which must have exchanged ``rows`` messages.
    """

    door: Door
    first_account: int
    pairs: int
    rows: int


Spec = TalkSpec | LoginSpec | IdleSpec | PushSpec | HistorySpec

# ------------------------------------------------------------------ orders


class Prepare(Struct, frozen=True, tag=True):
    """Make a load ready to run; ``load`` is its name from now on. Answer: ``Ready``."""

    load: int
    spec: Spec


class Run(Struct, frozen=True, tag=True):
    """Run a load for a time, or until a count is reached if that is not 0. Answer: ``Slice``."""

    load: int
    seconds: float
    count: int = 0


class Settle(Struct, frozen=True, tag=True):
    """Wait for what is under way and say what is wrong. Answer: ``Settled``.

    Attributes:
        totals: How many messages each stream has sent.
    """

    load: int
    totals: dict[int, int]


class Close(Struct, frozen=True, tag=True):
    """End a load. Answer: ``Ready``."""

    load: int


Order = Prepare | Run | Settle | Close

# ------------------------------------------------------------------ answers


class Ready(Struct, frozen=True, tag=True):
    """Done."""


class Slice(Struct, frozen=True, tag=True):
    """What came of a run.

    Attributes:
        seconds: How long it took, until all its answers had come.
        busy_s: CPU time that the worker spent.
        sent: Messages sent.
        received: Messages received, by all receivers.
        requests: Logins, pushes or pages that were answered.
        ack_ns: From sending to the ack: a ``Histogram``'s counts.
        receive_ns: From sending to the receipt, likewise.
        request_ns: From the request to its answer, likewise.
        slots: Messages received, or requests answered, by ``SLOT_NS`` of the machine's monotonic clock.
        totals: Messages sent so far by stream.
    """

    seconds: float
    busy_s: float
    sent: int = 0
    received: int = 0
    requests: int = 0
    ack_ns: dict[int, int] = {}
    receive_ns: dict[int, int] = {}
    request_ns: dict[int, int] = {}
    slots: dict[int, int] = {}
    totals: dict[int, int] = {}


class Settled(Struct, frozen=True, tag=True):
    """What was wrong, all runs together."""

    faults: Faults


class Failed(Struct, frozen=True, tag=True):
    """The order could not be done."""

    reason: str


Answer = Ready | Slice | Settled | Failed

SLOT_NS = 250_000_000

decode_order = msgspec.json.Decoder(Order).decode
decode_answer = msgspec.json.Decoder(Answer).decode
encode = msgspec.json.encode
