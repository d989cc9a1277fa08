from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MIMC_MSG_TYPE(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    P2P_MESSAGE: _ClassVar[MIMC_MSG_TYPE]
    P2T_MESSAGE: _ClassVar[MIMC_MSG_TYPE]
    SEQUENCE_ACK: _ClassVar[MIMC_MSG_TYPE]
    PACKET_ACK: _ClassVar[MIMC_MSG_TYPE]
    PULL: _ClassVar[MIMC_MSG_TYPE]
    COMPOUND: _ClassVar[MIMC_MSG_TYPE]
    RTS_SIGNAL: _ClassVar[MIMC_MSG_TYPE]
    UC_PACKET: _ClassVar[MIMC_MSG_TYPE]
    P2P_PUSH_MESSAGE: _ClassVar[MIMC_MSG_TYPE]
    P2T_PUSH_MESSAGE: _ClassVar[MIMC_MSG_TYPE]
    ONLINE_MESSAGE: _ClassVar[MIMC_MSG_TYPE]
    ONLINE_MESSAGE_ACK: _ClassVar[MIMC_MSG_TYPE]

class MIMC_PUSH_STATUS(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATUS_NORMAL: _ClassVar[MIMC_PUSH_STATUS]
    STATUS_EXCEED_COUNT_LIMIT: _ClassVar[MIMC_PUSH_STATUS]

class UC_MSG_TYPE(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PING: _ClassVar[UC_MSG_TYPE]
    PONG: _ClassVar[UC_MSG_TYPE]
    JOIN: _ClassVar[UC_MSG_TYPE]
    JOIN_RESP: _ClassVar[UC_MSG_TYPE]
    QUIT: _ClassVar[UC_MSG_TYPE]
    QUIT_RESP: _ClassVar[UC_MSG_TYPE]
    SEQ_ACK: _ClassVar[UC_MSG_TYPE]
    MESSAGE: _ClassVar[UC_MSG_TYPE]
    MESSAGE_LIST: _ClassVar[UC_MSG_TYPE]
    DISMISS: _ClassVar[UC_MSG_TYPE]
    QUERY_ONLINE_USERS: _ClassVar[UC_MSG_TYPE]
    QUERY_ONLINE_USERS_RESP: _ClassVar[UC_MSG_TYPE]
P2P_MESSAGE: MIMC_MSG_TYPE
P2T_MESSAGE: MIMC_MSG_TYPE
SEQUENCE_ACK: MIMC_MSG_TYPE
PACKET_ACK: MIMC_MSG_TYPE
PULL: MIMC_MSG_TYPE
COMPOUND: MIMC_MSG_TYPE
RTS_SIGNAL: MIMC_MSG_TYPE
UC_PACKET: MIMC_MSG_TYPE
P2P_PUSH_MESSAGE: MIMC_MSG_TYPE
P2T_PUSH_MESSAGE: MIMC_MSG_TYPE
ONLINE_MESSAGE: MIMC_MSG_TYPE
ONLINE_MESSAGE_ACK: MIMC_MSG_TYPE
STATUS_NORMAL: MIMC_PUSH_STATUS
STATUS_EXCEED_COUNT_LIMIT: MIMC_PUSH_STATUS
PING: UC_MSG_TYPE
PONG: UC_MSG_TYPE
JOIN: UC_MSG_TYPE
JOIN_RESP: UC_MSG_TYPE
QUIT: UC_MSG_TYPE
QUIT_RESP: UC_MSG_TYPE
SEQ_ACK: UC_MSG_TYPE
MESSAGE: UC_MSG_TYPE
MESSAGE_LIST: UC_MSG_TYPE
DISMISS: UC_MSG_TYPE
QUERY_ONLINE_USERS: UC_MSG_TYPE
QUERY_ONLINE_USERS_RESP: UC_MSG_TYPE

class MIMCUser(_message.Message):
    __slots__ = ("appId", "appAccount", "uuid", "resource")
    APPID_FIELD_NUMBER: _ClassVar[int]
    APPACCOUNT_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    appId: int
    appAccount: str
    uuid: int
    resource: str
    def __init__(self, appId: _Optional[int] = ..., appAccount: _Optional[str] = ..., uuid: _Optional[int] = ..., resource: _Optional[str] = ...) -> None: ...

class MIMCGroup(_message.Message):
    __slots__ = ("appId", "topicId")
    APPID_FIELD_NUMBER: _ClassVar[int]
    TOPICID_FIELD_NUMBER: _ClassVar[int]
    appId: int
    topicId: int
    def __init__(self, appId: _Optional[int] = ..., topicId: _Optional[int] = ...) -> None: ...

class MIMCPacket(_message.Message):
    __slots__ = ("packetId", "package", "sequence", "type", "payload", "timestamp", "conversation", "convIndex")
    PACKETID_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    CONVINDEX_FIELD_NUMBER: _ClassVar[int]
    packetId: str
    package: str
    sequence: int
    type: MIMC_MSG_TYPE
    payload: bytes
    timestamp: int
    conversation: bool
    convIndex: int
    def __init__(self, packetId: _Optional[str] = ..., package: _Optional[str] = ..., sequence: _Optional[int] = ..., type: _Optional[_Union[MIMC_MSG_TYPE, str]] = ..., payload: _Optional[bytes] = ..., timestamp: _Optional[int] = ..., conversation: _Optional[bool] = ..., convIndex: _Optional[int] = ...) -> None: ...

class MIMCPacketList(_message.Message):
    __slots__ = ("uuid", "resource", "maxSequence", "packets", "status", "minSequence")
    UUID_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    MAXSEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PACKETS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MINSEQUENCE_FIELD_NUMBER: _ClassVar[int]
    uuid: int
    resource: str
    maxSequence: int
    packets: _containers.RepeatedCompositeFieldContainer[MIMCPacket]
    status: MIMC_PUSH_STATUS
    minSequence: int
    def __init__(self, uuid: _Optional[int] = ..., resource: _Optional[str] = ..., maxSequence: _Optional[int] = ..., packets: _Optional[_Iterable[_Union[MIMCPacket, _Mapping]]] = ..., status: _Optional[_Union[MIMC_PUSH_STATUS, str]] = ..., minSequence: _Optional[int] = ...) -> None: ...

class MIMCPacketAck(_message.Message):
    __slots__ = ("packetId", "uuid", "resource", "sequence", "timestamp", "package", "errorMsg", "code", "convIndex")
    PACKETID_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    ERRORMSG_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    CONVINDEX_FIELD_NUMBER: _ClassVar[int]
    packetId: str
    uuid: int
    resource: str
    sequence: int
    timestamp: int
    package: str
    errorMsg: str
    code: int
    convIndex: int
    def __init__(self, packetId: _Optional[str] = ..., uuid: _Optional[int] = ..., resource: _Optional[str] = ..., sequence: _Optional[int] = ..., timestamp: _Optional[int] = ..., package: _Optional[str] = ..., errorMsg: _Optional[str] = ..., code: _Optional[int] = ..., convIndex: _Optional[int] = ...) -> None: ...

class MIMCP2PMessage(_message.Message):
    __slots__ = ("to", "payload", "isStore", "bizType")
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ISSTORE_FIELD_NUMBER: _ClassVar[int]
    BIZTYPE_FIELD_NUMBER: _ClassVar[int]
    to: MIMCUser
    payload: bytes
    isStore: bool
    bizType: str
    def __init__(self, to: _Optional[_Union[MIMCUser, _Mapping]] = ..., payload: _Optional[bytes] = ..., isStore: _Optional[bool] = ..., bizType: _Optional[str] = ..., **kwargs) -> None: ...

class MIMCP2TMessage(_message.Message):
    __slots__ = ("to", "payload", "isStore", "bizType")
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ISSTORE_FIELD_NUMBER: _ClassVar[int]
    BIZTYPE_FIELD_NUMBER: _ClassVar[int]
    to: MIMCGroup
    payload: bytes
    isStore: bool
    bizType: str
    def __init__(self, to: _Optional[_Union[MIMCGroup, _Mapping]] = ..., payload: _Optional[bytes] = ..., isStore: _Optional[bool] = ..., bizType: _Optional[str] = ..., **kwargs) -> None: ...

class MIMCSequenceAck(_message.Message):
    __slots__ = ("uuid", "resource", "sequence", "appId")
    UUID_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    APPID_FIELD_NUMBER: _ClassVar[int]
    uuid: int
    resource: str
    sequence: int
    appId: int
    def __init__(self, uuid: _Optional[int] = ..., resource: _Optional[str] = ..., sequence: _Optional[int] = ..., appId: _Optional[int] = ...) -> None: ...

class PullMessageRequest(_message.Message):
    __slots__ = ("uuid", "resource", "appId")
    UUID_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    APPID_FIELD_NUMBER: _ClassVar[int]
    uuid: int
    resource: str
    appId: int
    def __init__(self, uuid: _Optional[int] = ..., resource: _Optional[str] = ..., appId: _Optional[int] = ...) -> None: ...

class MIMCOnlineMessageAck(_message.Message):
    __slots__ = ("packetId", "uuid", "resource", "code", "errorMsg")
    PACKETID_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    ERRORMSG_FIELD_NUMBER: _ClassVar[int]
    packetId: str
    uuid: int
    resource: str
    code: int
    errorMsg: str
    def __init__(self, packetId: _Optional[str] = ..., uuid: _Optional[int] = ..., resource: _Optional[str] = ..., code: _Optional[int] = ..., errorMsg: _Optional[str] = ...) -> None: ...

class UCGroup(_message.Message):
    __slots__ = ("appId", "topicId")
    APPID_FIELD_NUMBER: _ClassVar[int]
    TOPICID_FIELD_NUMBER: _ClassVar[int]
    appId: int
    topicId: int
    def __init__(self, appId: _Optional[int] = ..., topicId: _Optional[int] = ...) -> None: ...

class UCPacket(_message.Message):
    __slots__ = ("user", "type", "payload", "packetId")
    USER_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    PACKETID_FIELD_NUMBER: _ClassVar[int]
    user: MIMCUser
    type: UC_MSG_TYPE
    payload: bytes
    packetId: str
    def __init__(self, user: _Optional[_Union[MIMCUser, _Mapping]] = ..., type: _Optional[_Union[UC_MSG_TYPE, str]] = ..., payload: _Optional[bytes] = ..., packetId: _Optional[str] = ...) -> None: ...

class UCJoin(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: UCGroup
    def __init__(self, group: _Optional[_Union[UCGroup, _Mapping]] = ...) -> None: ...

class UCJoinResp(_message.Message):
    __slots__ = ("group", "code", "message")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    group: UCGroup
    code: int
    message: str
    def __init__(self, group: _Optional[_Union[UCGroup, _Mapping]] = ..., code: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class UCQuit(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: UCGroup
    def __init__(self, group: _Optional[_Union[UCGroup, _Mapping]] = ...) -> None: ...

class UCQuitResp(_message.Message):
    __slots__ = ("group", "code", "message")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    group: UCGroup
    code: int
    message: str
    def __init__(self, group: _Optional[_Union[UCGroup, _Mapping]] = ..., code: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class UCDismiss(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: UCGroup
    def __init__(self, group: _Optional[_Union[UCGroup, _Mapping]] = ...) -> None: ...

class UCPing(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: _containers.RepeatedCompositeFieldContainer[UCGroup]
    def __init__(self, group: _Optional[_Iterable[_Union[UCGroup, _Mapping]]] = ...) -> None: ...

class UCMessage(_message.Message):
    __slots__ = ("group", "payload", "sequence", "isStore", "user", "timestamp", "packetId", "bizType")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ISSTORE_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    PACKETID_FIELD_NUMBER: _ClassVar[int]
    BIZTYPE_FIELD_NUMBER: _ClassVar[int]
    group: UCGroup
    payload: bytes
    sequence: int
    isStore: bool
    user: MIMCUser
    timestamp: int
    packetId: str
    bizType: str
    def __init__(self, group: _Optional[_Union[UCGroup, _Mapping]] = ..., payload: _Optional[bytes] = ..., sequence: _Optional[int] = ..., isStore: _Optional[bool] = ..., user: _Optional[_Union[MIMCUser, _Mapping]] = ..., timestamp: _Optional[int] = ..., packetId: _Optional[str] = ..., bizType: _Optional[str] = ...) -> None: ...

class UCMessageList(_message.Message):
    __slots__ = ("group", "message", "maxSequence")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MAXSEQUENCE_FIELD_NUMBER: _ClassVar[int]
    group: UCGroup
    message: _containers.RepeatedCompositeFieldContainer[UCMessage]
    maxSequence: int
    def __init__(self, group: _Optional[_Union[UCGroup, _Mapping]] = ..., message: _Optional[_Iterable[_Union[UCMessage, _Mapping]]] = ..., maxSequence: _Optional[int] = ...) -> None: ...

class UCSequenceAck(_message.Message):
    __slots__ = ("group", "sequence")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    group: UCGroup
    sequence: int
    def __init__(self, group: _Optional[_Union[UCGroup, _Mapping]] = ..., sequence: _Optional[int] = ...) -> None: ...

class UCQueryOnlineUsers(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: UCGroup
    def __init__(self, group: _Optional[_Union[UCGroup, _Mapping]] = ...) -> None: ...

class UCQueryOnlineUsersResp(_message.Message):
    __slots__ = ("group", "userCount")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    USERCOUNT_FIELD_NUMBER: _ClassVar[int]
    group: UCGroup
    userCount: int
    def __init__(self, group: _Optional[_Union[UCGroup, _Mapping]] = ..., userCount: _Optional[int] = ...) -> None: ...
