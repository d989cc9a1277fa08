"""Payloads of every command but SECMSG: CONN, BIND, PING, UBND and KICK, both directions.

Parsers take a packet and give the event, or raise ``BadPayload``; serialisers give the payload's bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from openmimc.errors import BadPayload
from openmimc.wire.events import (
    Bind,
    BindResponse,
    ClientEvent,
    Conn,
    ConnResponse,
    Kick,
    Ping,
    Pong,
    ServerEvent,
    Unbind,
)
from openmimc.wire.headers import BIND, CONN, KICK, PING, UNBIND, Packet
from openmimc.wire.pb.ims_pb2 import XMMsgBind, XMMsgBindResp, XMMsgConn, XMMsgConnResp
from openmimc.wire.protobuf import parse_protobuf, text

# ------------------------------------------------------------------ client to server


def _parse_conn(packet: Packet) -> Conn:
    conn = parse_protobuf(XMMsgConn, packet.payload)
    return Conn(
        version=conn.version,
        os=text(conn.os),
        udid=text(conn.udid),
        sdk=conn.sdk if conn.HasField("sdk") else None,
        model=text(conn.model),
        host=text(conn.host),
        header_id=packet.header_id,
    )


def serialize_conn(conn: Conn) -> bytes:
    """The payload of CONN, as the Go SDK writes it; ``model`` and ``host`` are left out when empty."""
    return XMMsgConn(
        version=conn.version,
        model=conn.model or None,
        os=conn.os,
        udid=conn.udid,
        sdk=conn.sdk,
        host=conn.host or None,
    ).SerializeToString()


def _parse_bind(packet: Packet) -> Bind:
    bind = parse_protobuf(XMMsgBind, packet.payload)
    return Bind(
        token=text(bind.token),
        user_id=packet.user_id,
        resource=packet.resource,
        header_id=packet.header_id,
        kick=text(bind.kick),
        method=text(bind.method),
        client_attrs=text(bind.client_attrs),
        cloud_attrs=text(bind.cloud_attrs),
        signature=text(bind.sig),
        sso=bind.sso,
    )


def serialize_bind(bind: Bind, *, with_empty_attrs: bool) -> bytes:
    """The payload of BIND.

    With ``with_empty_attrs``, attributes that are empty are on the wire all the same: the TCP SDKs send them,
    WebJS does not (protocol reference, 5.3).
    """
    return XMMsgBind(
        token=bind.token,
        kick=bind.kick,
        method=bind.method,
        client_attrs=bind.client_attrs if bind.client_attrs or with_empty_attrs else None,
        cloud_attrs=bind.cloud_attrs if bind.cloud_attrs or with_empty_attrs else None,
        sig=bind.signature,
        sso=bind.sso or None,
    ).SerializeToString()


def _parse_ping(packet: Packet) -> Ping:
    return Ping(header_id=packet.header_id)


def _parse_unbind(packet: Packet) -> Unbind:
    return Unbind(header_id=packet.header_id)


_CLIENT_COMMANDS: Mapping[str, Callable[[Packet], ClientEvent]] = {
    CONN: _parse_conn,
    BIND: _parse_bind,
    PING: _parse_ping,
    UNBIND: _parse_unbind,
}


def parse_client_command(packet: Packet) -> ClientEvent:
    """Read a packet that a client sent, of any of the commands above.

    Raises:
        BadPayload: its payload is not what the command says.
    """
    return _CLIENT_COMMANDS[packet.command](packet)


# ------------------------------------------------------------------ server to client


def _parse_conn_response(packet: Packet) -> ConnResponse:
    challenge = text(parse_protobuf(XMMsgConnResp, packet.payload).challenge)
    if not challenge:
        raise BadPayload("an empty challenge")  # It would be the key of a cipher.
    return ConnResponse(challenge=challenge, header_id=packet.header_id)


def serialize_conn_response(response: ConnResponse) -> bytes:
    """The payload of the answer to CONN."""
    return XMMsgConnResp(challenge=response.challenge).SerializeToString()


def _parse_bind_response(packet: Packet) -> BindResponse:
    response = parse_protobuf(XMMsgBindResp, packet.payload)
    return BindResponse(
        result=response.result,
        error_type=text(response.error_type),
        error_reason=text(response.error_reason),
        error_desc=text(response.error_desc),
        user_id=packet.user_id,
        resource=packet.resource,
        header_id=packet.header_id,
    )


def serialize_bind_response(response: BindResponse) -> bytes:
    """The payload of the answer to BIND, with all four fields: the Go SDK dereferences them."""
    return XMMsgBindResp(
        result=response.result,
        error_type=response.error_type,
        error_reason=response.error_reason,
        error_desc=response.error_desc,
    ).SerializeToString()


def _parse_pong(packet: Packet) -> Pong:
    return Pong(header_id=packet.header_id)


def _parse_kick(packet: Packet) -> Kick:
    # An XMMsgKick reads well enough here: its reason stands in field 2, too.
    response = parse_protobuf(XMMsgBindResp, packet.payload)
    return Kick(
        reason=text(response.error_type) or text(response.error_reason), description=text(response.error_desc)
    )


def serialize_kick(kick: Kick) -> bytes:
    """The payload of KICK: an XMMsgBindResp, which all five SDKs read well.

    The deciding word stands in both error fields, since Java takes one of them for the reason and the others
    look at both. Source: protocol reference, 5.6.
    """
    return XMMsgBindResp(
        result=False, error_type=kick.reason, error_reason=kick.reason, error_desc=kick.description
    ).SerializeToString()


_SERVER_COMMANDS: Mapping[str, Callable[[Packet], ServerEvent]] = {
    CONN: _parse_conn_response,
    BIND: _parse_bind_response,
    PING: _parse_pong,
    KICK: _parse_kick,
}


def parse_server_command(packet: Packet) -> ServerEvent:
    """Read a packet that a server sent, of any of the commands above.

    Raises:
        BadPayload: its payload is not what the command says.
    """
    return _SERVER_COMMANDS[packet.command](packet)
