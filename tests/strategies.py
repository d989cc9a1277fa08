"""Hypothesis strategies for the values that more than one room's tests draw."""

from __future__ import annotations

from hypothesis import strategies as st

from openmimc.model.ids import AppId, Sequence, TopicId, UserId
from openmimc.model.message import Kind, Message, Sender
from openmimc.wire.connection import Identity
from openmimc.wire.events import (
    AskCall,
    AskGroup,
    Bind,
    BindResponse,
    CallParty,
    Conn,
    DeliverOnline,
    GroupAck,
    GroupAnswer,
    GroupDismissed,
    GroupPing,
    GroupPong,
    GroupRequest,
    Kick,
    OnlineAck,
    OtherPacket,
    PacketAck,
    Ping,
    Pull,
    RefuseCall,
    SendGroup,
    SendOnline,
    SendP2P,
    SendP2T,
    SequenceAck,
    Unbind,
)

# ------------------------------------------------------------------ values

characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
"""What UTF-8 can hold and a database can store."""

texts = st.text(characters, max_size=40)
names = st.text(characters, min_size=1, max_size=40)
header_ids = st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=40)
payloads = st.one_of(st.binary(max_size=200), st.binary(min_size=900, max_size=1200))
uint64s = st.integers(0, 2**64 - 1)
int64s = st.integers(-(2**63), 2**63 - 1)
int32s = st.integers(-(2**31), 2**31 - 1)
ids = st.integers(1, 2**53 - 1)
sequences = st.integers(1, 2**63 - 1)
indexes = st.integers(0, 2**63 - 1)

identities = st.builds(
    Identity,
    app_id=uint64s,
    user_id=ids,
    account=names,
    resource=names,
    security_key=st.binary(min_size=1, max_size=40),
    package=names,
)

# ------------------------------------------------------------------ messages

senders = st.builds(
    Sender,
    app_id=uint64s.map(AppId),
    user_id=ids.map(UserId),
    account=names,
    resource=names,
)

p2p_messages = st.builds(
    Message,
    sequence=sequences.map(Sequence),
    kind=st.just(Kind.P2P),
    sender=senders,
    to_user_id=ids.map(UserId),
    to_account=names,
    topic_id=st.just(TopicId(0)),
    packet_id=names,
    payload=payloads,
    biz_type=st.none() | texts,
    is_store=st.booleans(),
    index=indexes,
)

p2t_messages = st.builds(
    Message,
    sequence=sequences.map(Sequence),
    kind=st.just(Kind.P2T),
    sender=senders,
    to_user_id=st.just(UserId(0)),
    to_account=st.just(""),
    topic_id=ids.map(TopicId),
    packet_id=names,
    payload=payloads,
    biz_type=st.none() | texts,
    is_store=st.booleans(),
    index=indexes,
)

messages = p2p_messages | p2t_messages

group_messages = st.builds(
    Message,
    sequence=sequences.map(Sequence),
    kind=st.just(Kind.GROUP),
    sender=senders,
    to_user_id=st.just(UserId(0)),
    to_account=st.just(""),
    topic_id=ids.map(TopicId),
    packet_id=names,
    payload=payloads,
    biz_type=st.none() | texts,
    is_store=st.booleans(),
)

# ------------------------------------------------------------------ events that arrive as they were sent

conns = st.builds(
    Conn,
    version=st.integers(0, 2**32 - 1),
    os=texts,
    udid=texts,
    sdk=st.none() | int32s,
    model=texts,
    host=texts,
    header_id=header_ids,
)

binds = st.builds(
    Bind,
    token=texts,
    user_id=int64s.filter(bool),
    resource=names,
    header_id=header_ids,
    kick=texts,
    method=texts,
    client_attrs=texts,
    cloud_attrs=texts,
    signature=names,
    sso=st.booleans(),
)

call_parties = st.builds(CallParty, app_id=int64s, account=texts, user_id=int64s, resource=texts)

online_acks = st.builds(OnlineAck, packet_id=names, user_id=uint64s, resource=texts, code=int32s, text=texts)

group_sends = st.builds(
    SendGroup,
    packet_id=names,
    message_id=names,
    to_app_id=st.none() | uint64s,
    group_id=st.integers(1, 2**63 - 1),
    payload=payloads,
    is_store=st.booleans(),
    biz_type=st.none() | texts,
)
"""Apart from the other messages: their header has the packet id."""

client_messages = st.one_of(
    st.builds(
        SendP2P,
        packet_id=names,
        to_app_id=st.none() | uint64s,
        to_account=names,
        payload=payloads,
        is_store=st.booleans(),
        biz_type=st.none() | texts,
        conversation=st.booleans(),
    ),
    st.builds(
        SendP2T,
        packet_id=names,
        to_app_id=st.none() | uint64s,
        topic_id=st.integers(1, 2**63 - 1),
        payload=payloads,
        is_store=st.booleans(),
        biz_type=st.none() | texts,
        conversation=st.booleans(),
    ),
    st.builds(SequenceAck, sequence=int64s),
    st.builds(Pull, packet_id=names),
    st.builds(
        AskGroup,
        request=st.sampled_from(GroupRequest),
        packet_id=texts,
        app_id=st.none() | uint64s,
        group_id=uint64s,
    ),
    st.builds(
        GroupPing,
        packet_id=texts,
        group_ids=st.lists(st.integers(1, 2**63 - 1), max_size=5).map(tuple),
    ),
    st.builds(GroupAck, group_id=st.integers(1, 2**63 - 1), sequence=int64s),
    st.builds(
        SendOnline,
        packet_id=names,
        to_app_id=st.none() | uint64s,
        to_account=names,
        to_resource=texts,
        payload=payloads,
        biz_type=st.none() | texts,
    ),
    online_acks,
    st.builds(
        AskCall,
        packet_id=texts,
        call_id=uint64s,
        call_type=st.sampled_from([1, 2]),
        caller=call_parties,
        callee=call_parties,
    ),
    st.builds(OtherPacket, type=st.sampled_from([4, 6, 9, 10]), packet_id=names, payload=payloads),
)

client_events = st.one_of(
    binds,
    st.builds(Ping, header_id=header_ids),
    st.builds(Unbind, header_id=header_ids),
    client_messages,
    group_sends,
)
"""What a bound client sends, ``Conn`` and the empty ping left out."""

server_messages = st.one_of(
    st.builds(
        PacketAck,
        packet_id=texts,
        sequence=int64s,
        timestamp_ms=int64s,
        code=int32s,
        error_message=texts,
        index=indexes,
    ),
    st.builds(
        GroupAnswer,
        request=st.sampled_from([GroupRequest.JOIN, GroupRequest.QUIT]),
        packet_id=texts,
        app_id=uint64s,
        group_id=uint64s,
        code=int32s,
        text=texts,
    ),
    st.builds(
        GroupAnswer,
        request=st.just(GroupRequest.COUNT_ONLINE),
        packet_id=texts,
        app_id=uint64s,
        group_id=uint64s,
        online=int64s,
    ),
    st.builds(GroupPong, packet_id=texts),
    st.builds(GroupDismissed, app_id=uint64s, group_id=uint64s),
    st.builds(
        DeliverOnline,
        packet_id=texts,
        from_account=texts,
        from_user_id=uint64s,
        from_resource=texts,
        to_account=texts,
        to_user_id=uint64s,
        to_resource=texts,
        payload=payloads,
        timestamp_ms=int64s,
        biz_type=st.none() | texts,
    ),
    online_acks,
    st.builds(
        RefuseCall,
        packet_id=texts,
        call_id=uint64s,
        call_type=st.sampled_from([1, 2]),
        caller=call_parties,
        callee=call_parties,
        text=texts,
    ),
    st.builds(OtherPacket, type=st.sampled_from([1, 2, 3, 5, 9, 10]), packet_id=names, payload=payloads),
)

server_events = st.one_of(
    st.builds(
        BindResponse,
        result=st.booleans(),
        error_type=texts,
        error_reason=texts,
        error_desc=texts,
        user_id=int64s,
        resource=texts,
        header_id=header_ids,
    ),
    st.builds(Kick, reason=names, description=texts),
    server_messages,
)
"""What a server sends to a bound client, but for ``ConnResponse``, ``Pong`` and what holds lists."""
