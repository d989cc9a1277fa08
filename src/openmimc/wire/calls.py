"""Reads and writes the two signals of audio and video calls that are known here: a wish for one, its refusal.

    MIMCPacket of type 7 | RTSMessage: whose signal, of which call | CreateRequest or CreateResponse

All other signals are an ``OtherPacket``. Source: protocol reference, 4.5 and 8.
"""

from __future__ import annotations

from collections.abc import Sequence

from openmimc.errors import LocalProtocolError
from openmimc.wire.events import AskCall, CallParty, OtherPacket, RefuseCall
from openmimc.wire.identity import Identity
from openmimc.wire.packet_fields import parse_other
from openmimc.wire.pb.mimc_pb2 import RTS_SIGNAL, MIMCPacket
from openmimc.wire.pb.rts_pb2 import (
    CREATE_REQUEST,
    CREATE_RESPONSE,
    PEER_OFFLINE,
    CallType,
    CreateRequest,
    CreateResponse,
    RTSMessage,
    RTSMessageType,
    UserInfo,
)
from openmimc.wire.protobuf import UNREADABLE

_PARTIES = 2

# ------------------------------------------------------------------ both sides


def _serialize_signal(
    event: AskCall | RefuseCall, kind: RTSMessageType, actor: CallParty, body: bytes, package: str
) -> bytes:
    if event.call_type not in CallType.values():
        raise LocalProtocolError(f"no call type {event.call_type}")
    signal = RTSMessage(
        type=kind,
        callId=event.call_id,
        callType=CallType.Name(event.call_type),
        uuid=actor.user_id,
        resource=actor.resource,
        payload=body,
    ).SerializeToString()
    return MIMCPacket(
        packetId=event.packet_id, package=package, type=RTS_SIGNAL, payload=signal
    ).SerializeToString()


def _member(party: CallParty) -> UserInfo:
    # Every field is set: the caller's SDK looks both members up by them.
    return UserInfo(uuid=party.user_id, resource=party.resource, appId=party.app_id, appAccount=party.account)


def _parse_signal(packet: MIMCPacket, kind: RTSMessageType) -> RTSMessage | None:
    """The signal in a packet, if it is of this kind and complete: Java, too, ignores one that is not."""
    try:
        signal = RTSMessage.FromString(packet.payload)
    except UNREADABLE:
        return None
    if type(packet.packetId) is not str or not signal.HasField("type") or signal.type != kind:
        return None
    return signal if all(map(signal.HasField, ("callId", "callType", "payload"))) else None


def _parse_parties(
    signal: RTSMessage, members: Sequence[UserInfo], *, actor_at: int
) -> tuple[CallParty, CallParty] | None:
    """Caller and callee, if there are these two and no others.

    Args:
        signal: Names who acts.
        members: In this order, unless the one who acts is found at the other place.
        actor_at: Place of the one who acts: 0 for the caller, 1 for the callee.
    """
    if len(members) != _PARTIES:
        return None
    caller, callee = members
    if signal.uuid and signal.uuid == members[1 - actor_at].uuid != members[actor_at].uuid:
        caller, callee = callee, caller
    parties = _parse_party(caller), _parse_party(callee)
    return None if parties[0] is None or parties[1] is None else (parties[0], parties[1])


def _parse_party(member: UserInfo) -> CallParty | None:
    account, resource = member.appAccount, member.resource
    if type(account) is not str or "\0" in account or type(resource) is not str:
        return None
    return CallParty(member.appId, account, member.uuid, resource)


# ------------------------------------------------------------------ client to server


def serialize_ask_call(event: AskCall, identity: Identity) -> bytes:
    """A CREATE_REQUEST; its members are caller and callee.

    Raises:
        LocalProtocolError: there is no such type of call.
    """
    body = CreateRequest(members=(_member(event.caller), _member(event.callee))).SerializeToString()
    return _serialize_signal(event, CREATE_REQUEST, event.caller, body, identity.package)


def parse_ask_call(packet: MIMCPacket) -> AskCall | OtherPacket:
    """Read a signal that a client sent.

    Raises:
        BadPayload: the packet's id is no text.
    """
    signal = _parse_signal(packet, CREATE_REQUEST)
    if signal is None:
        return parse_other(packet)
    try:
        members = CreateRequest.FromString(signal.payload).members
    except UNREADABLE:
        return parse_other(packet)
    parties = _parse_parties(signal, members, actor_at=0)
    if parties is None:
        return parse_other(packet)
    return AskCall(packet.packetId, signal.callId, signal.callType, *parties)


# ------------------------------------------------------------------ server to client


def serialize_refuse_call(event: RefuseCall, identity: Identity) -> bytes:
    """A CREATE_RESPONSE with PEER_OFFLINE, in the callee's name; its members are caller and callee.

    Raises:
        LocalProtocolError: there is no such type of call.
    """
    body = CreateResponse(
        result=PEER_OFFLINE, errmsg=event.text, members=(_member(event.caller), _member(event.callee))
    ).SerializeToString()
    return _serialize_signal(event, CREATE_RESPONSE, event.callee, body, identity.package)


def parse_refuse_call(packet: MIMCPacket) -> RefuseCall | OtherPacket:
    """Read a signal that a server sent.

    Raises:
        BadPayload: the packet's id is no text.
    """
    signal = _parse_signal(packet, CREATE_RESPONSE)
    if signal is None:
        return parse_other(packet)
    try:
        response = CreateResponse.FromString(signal.payload)
    except UNREADABLE:
        return parse_other(packet)
    parties = _parse_parties(signal, response.members, actor_at=1)
    if parties is None or response.result != PEER_OFFLINE or type(response.errmsg) is not str:
        return parse_other(packet)
    return RefuseCall(packet.packetId, signal.callId, signal.callType, *parties, response.errmsg)
