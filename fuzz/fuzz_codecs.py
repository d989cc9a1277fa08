"""Fuzzing of the two codecs against each other: whatever a peer sends, both make the same of it.

Inputs are those of ``fuzz_connection``; ``run_native.py`` runs this under AddressSanitizer.
"""

from __future__ import annotations

import fuzz_connection
from fuzz_connection import ALLOWED, Depth, connection_of, stream_of

from openmimc.wire.codec import choose_codec
from openmimc.wire.connection import Framing, Role
from openmimc.wire.events import Conn, ConnResponse, Deliver, DeliverGroup, PacketAck, SequenceAck

ANSWERS = {
    Role.SERVER: (PacketAck("p", 1, 2), Deliver(3, (b"entry",)), DeliverGroup(b"list")),
    Role.CLIENT: (SequenceAck(1),),
}


class Disagreement(Exception):
    """The codecs did not do the same."""


def one_input(data: bytes) -> None:
    """Feed one input to both; an exception that comes out is a find."""
    if len(data) < 2:
        return
    native, python = _outcome("native", data), _outcome("python", data)
    if native != python:
        raise Disagreement(f"native: {native}\npython: {python}")


def _outcome(codec: str, data: bytes) -> list[str]:
    """What a connection on this codec says to an input, then what it writes."""
    choose_codec(codec)
    choice, piece_bytes = data[0], data[1]
    role = Role.SERVER if choice & 1 else Role.CLIENT
    framing = Framing.WEBSOCKET if choice & 2 else Framing.TCP
    depth = Depth(choice >> 3 & 3)
    numbers = iter(range(1_000_000))
    connection = connection_of(
        role, framing, is_bound=bool(choice & 4), depth=depth, next_id=lambda: f"id-{next(numbers)}"
    )
    stream = stream_of(data[2:], role, framing, depth, header_bytes=piece_bytes)
    outcome = []
    try:
        for piece in fuzz_connection.pieces_of(stream, framing, piece_bytes):
            connection.receive_data(piece)
            while (event := connection.next_event()) is not None:
                outcome.append(repr(event))
                if isinstance(event, Conn):
                    connection.send(ConnResponse(fuzz_connection.CHALLENGE))
    except ALLOWED as error:
        outcome.append(f"{type(error).__name__}: {error}")
    if choice & 4 and depth is not Depth.FRESH_STREAM:
        for answer in ANSWERS[role]:
            connection.send(answer)
    outcome.append(connection.data_to_send().hex())
    return outcome
