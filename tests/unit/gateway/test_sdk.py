"""Each SDK is recognised by its first packet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openmimc.gateway.sdk import Sdk, recognise
from openmimc.wire.connection import Connection, Framing, Role
from openmimc.wire.events import Conn

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "protocol-vectors.json").read_text())


@pytest.mark.parametrize(
    ("framing", "name", "sdk"),
    [
        (Framing.TCP, "conn_go_like", Sdk.GO),
        (Framing.TCP, "conn_java_like", Sdk.JAVA),
        (Framing.TCP, "conn_cpp_like", Sdk.CPP),
        (Framing.WEBSOCKET, "conn", Sdk.WEBJS),
    ],
)
def test_a_captured_packet_names_its_sdk(framing: Framing, name: str, sdk: Sdk) -> None:
    section = "tcp" if framing is Framing.TCP else "websocket"
    connection = Connection(Role.SERVER, framing)
    connection.receive_data(bytes.fromhex(VECTORS[section][name][f"{section}_packet_hex"]))

    event = connection.next_event()

    assert isinstance(event, Conn)
    assert recognise(event) is sdk


@pytest.mark.parametrize(
    ("conn", "sdk"),
    [
        (Conn(os="macOS"), Sdk.CSHARP),
        (Conn(os="openmimc-python"), Sdk.PYTHON),
        (Conn(os="openmimc-js", udid="websocket", sdk=31), Sdk.JAVASCRIPT),
        (Conn(os="plan9", sdk=1), Sdk.OTHER),
        (Conn(), Sdk.OTHER),
    ],
)
def test_what_a_packet_says_names_its_sdk(conn: Conn, sdk: Sdk) -> None:
    assert recognise(conn) is sdk
