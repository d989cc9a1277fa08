"""What the codec costs: the one in C and the one in Python, side by side in one process.

CPU time per operation, in microseconds: the median of many short runs, the two codecs taking turns, so that a
busy neighbour hurts both. Absolute figures move with the machine, ratios hold.

    receive P2P        a packet with a one-to-one message: bytes in, event out
    receive ack        a packet with a sequence ack
    serialize message  a stored message as it stands in lists; once, however many devices get it
    seal ack           a packet ack: event in, bytes out
    seal list of 1     a list with that message for one device
    seal group list    a list of an unlimited group for one device
    whole trip         all that a server does for one message to one device: the first five together
    connection trip    the same through two ``Connection``s, with their rules and header ids

Run: python benchmarks/codec.py [--framing tcp|websocket] [--payload-bytes 300] [--rounds 15]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable

from openmimc.model.ids import AppId, Sequence, TopicId, UserId
from openmimc.model.message import Kind, Message, Sender
from openmimc.wire.cipher import body_key
from openmimc.wire.codec import choose_codec, new_codec, serialize_message
from openmimc.wire.connection import MAX_BODY_BYTES, Connection, Framing, Identity, Role
from openmimc.wire.events import (
    Conn,
    ConnResponse,
    Deliver,
    DeliverGroup,
    Event,
    PacketAck,
    SendP2P,
    SequenceAck,
)

CODECS = ("native", "python")
LOOPS = 300
CHALLENGE = "1a2b3c4d5e"
HEADER_ID = "0123456789ab"
PACKET_ID = "alice-0123456789abcdef"
SEQUENCE = 17_000_000_000_000_000
ALICE = Identity(
    app_id=2882303761500000001,
    user_id=70001000000001,
    account="alice",
    resource="res-alice-1",
    security_key=bytes(range(16)),
    package="com.example.chat",
)


def greeted(framing: Framing) -> tuple[Connection, Connection]:
    """A client and a server that have shaken hands, with a user."""
    client, server = Connection(Role.CLIENT, framing), Connection(Role.SERVER, framing)
    client.send(Conn())
    server.receive_data(client.data_to_send())
    server.next_event()
    server.send(ConnResponse(CHALLENGE))
    client.receive_data(server.data_to_send())
    client.next_event()
    client.set_identity(ALICE)
    server.set_identity(ALICE)
    return client, server


def packet_of(framing: Framing, event: Event) -> bytes:
    """What a client sends when it says this."""
    client, _ = greeted(framing)
    client.send(event)
    return client.data_to_send()


def operations(codec: str, framing: Framing, payload: bytes) -> dict[str, Callable[[], object]]:
    """What is measured, with this codec."""
    choose_codec(codec)
    end = new_codec(Role.SERVER, framing, MAX_BODY_BYTES)
    end.set_body_key(body_key(CHALLENGE, ""))
    end.set_identity(ALICE)
    p2p = packet_of(framing, SendP2P(PACKET_ID, ALICE.app_id, "bob", payload))
    sequence_ack = packet_of(framing, SequenceAck(SEQUENCE))
    message = Message(
        sequence=Sequence(SEQUENCE),
        kind=Kind.P2P,
        sender=Sender(AppId(ALICE.app_id), UserId(ALICE.user_id), ALICE.account, ALICE.resource),
        to_user_id=UserId(70001000000002),
        to_account="bob",
        topic_id=TopicId(0),
        packet_id=PACKET_ID,
        payload=payload,
        biz_type=None,
        is_store=True,
    )
    ack = PacketAck(PACKET_ID, SEQUENCE, message.timestamp_ms)
    deliver = Deliver(SEQUENCE, (serialize_message(message, ALICE.package),))
    group_list = DeliverGroup(deliver.packets[0])
    _, sender = greeted(framing)
    _, receiver = greeted(framing)

    def receive(packet: bytes) -> Callable[[], object]:
        def run() -> None:
            end.feed(packet)
            while end.next_packet() is not None:
                pass

        return run

    def write_message() -> object:
        return serialize_message(message, ALICE.package)

    receive_p2p, receive_ack = receive(p2p), receive(sequence_ack)

    def trip() -> None:
        receive_p2p()
        end.seal_ack(HEADER_ID, ack)
        end.seal_list(HEADER_ID, Deliver(SEQUENCE, (serialize_message(message, ALICE.package),)))
        receive_ack()

    def pass_through(connection: Connection, packet: bytes) -> None:
        connection.receive_data(packet)
        while connection.next_event() is not None:
            pass

    def connection_trip() -> None:
        pass_through(sender, p2p)
        sender.send(PacketAck(PACKET_ID, SEQUENCE, message.timestamp_ms))
        sender.data_to_send()
        receiver.send(Deliver(SEQUENCE, (serialize_message(message, ALICE.package),)))
        receiver.data_to_send()
        pass_through(receiver, sequence_ack)

    return {
        "receive P2P": receive_p2p,
        "receive ack": receive_ack,
        "serialize message": write_message,
        "seal ack": lambda: end.seal_ack(HEADER_ID, ack),
        "seal list of 1": lambda: end.seal_list(HEADER_ID, deliver),
        "seal group list": lambda: end.seal_group(HEADER_ID, group_list),
        "whole trip": trip,
        "connection trip": connection_trip,
    }


def measure(run: Callable[[], object]) -> float:
    """CPU microseconds of one call."""
    before = time.process_time_ns()
    for _ in range(LOOPS):
        run()
    return (time.process_time_ns() - before) / LOOPS / 1000


def main() -> None:
    """Print one JSON object per operation."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--framing", choices=[framing.value for framing in Framing], default="tcp")
    parser.add_argument("--payload-bytes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}", file=sys.stderr)
    made = {
        codec: operations(codec, Framing(arguments.framing), bytes(arguments.payload_bytes)) for codec in CODECS
    }
    for name in made["native"]:
        figures: dict[str, list[float]] = {codec: [] for codec in CODECS}
        for _ in range(arguments.rounds):
            for codec in CODECS:
                choose_codec(codec)  # For what is no connection's own.
                figures[codec].append(measure(made[codec][name]))
        native, python = (statistics.median(figures[codec]) for codec in CODECS)
        print(
            json.dumps(
                {
                    "operation": name,
                    "native_us": round(native, 2),
                    "python_us": round(python, 2),
                    "ratio": round(python / native, 1),
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
