from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RTSMessageType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CREATE_REQUEST: _ClassVar[RTSMessageType]
    CREATE_RESPONSE: _ClassVar[RTSMessageType]
    INVITE_REQUEST: _ClassVar[RTSMessageType]
    INVITE_RESPONSE: _ClassVar[RTSMessageType]
    UPDATE_REQUEST: _ClassVar[RTSMessageType]
    UPDATE_RESPONSE: _ClassVar[RTSMessageType]
    PING_REQUEST: _ClassVar[RTSMessageType]
    PING_RESPONSE: _ClassVar[RTSMessageType]
    BYE_REQUEST: _ClassVar[RTSMessageType]
    BYE_RESPONSE: _ClassVar[RTSMessageType]
    CREATE_CHANNEL_REQUEST: _ClassVar[RTSMessageType]
    CREATE_CHANNEL_RESPONSE: _ClassVar[RTSMessageType]
    JOIN_CHANNEL_REQUEST: _ClassVar[RTSMessageType]
    JOIN_CHANNEL_RESPONSE: _ClassVar[RTSMessageType]
    LEAVE_CHANNEL_REQUEST: _ClassVar[RTSMessageType]
    LEAVE_CHANNEL_RESPONSE: _ClassVar[RTSMessageType]
    USER_JOIN_NOTIFICATION: _ClassVar[RTSMessageType]
    USER_LEAVE_NOTIFICATION: _ClassVar[RTSMessageType]

class CallType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SINGLE_CALL: _ClassVar[CallType]
    CHANNEL_CALL: _ClassVar[CallType]

class StreamDataType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    A_STREAM: _ClassVar[StreamDataType]
    V_STREAM: _ClassVar[StreamDataType]
    AV_STREAM: _ClassVar[StreamDataType]

class RTSResult(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUCC: _ClassVar[RTSResult]
    PEER_REFUSE: _ClassVar[RTSResult]
    PEER_OFFLINE: _ClassVar[RTSResult]
    CALLID_EXIST: _ClassVar[RTSResult]
    CALLID_NOT_EXIST: _ClassVar[RTSResult]
    SDP_FAIL: _ClassVar[RTSResult]
    INTERNAL_ERROR1: _ClassVar[RTSResult]
    PARAMETER_ERROR: _ClassVar[RTSResult]
    INVALID_OPERATION: _ClassVar[RTSResult]
    EXCEED_MAX_LIMIT: _ClassVar[RTSResult]
    ALREADY_IN_SESSION: _ClassVar[RTSResult]
    CONNECT_RELAY_FAILED: _ClassVar[RTSResult]
    BIND_RELAY_FAILED: _ClassVar[RTSResult]
    ERROR_USER_DEFINED: _ClassVar[RTSResult]
CREATE_REQUEST: RTSMessageType
CREATE_RESPONSE: RTSMessageType
INVITE_REQUEST: RTSMessageType
INVITE_RESPONSE: RTSMessageType
UPDATE_REQUEST: RTSMessageType
UPDATE_RESPONSE: RTSMessageType
PING_REQUEST: RTSMessageType
PING_RESPONSE: RTSMessageType
BYE_REQUEST: RTSMessageType
BYE_RESPONSE: RTSMessageType
CREATE_CHANNEL_REQUEST: RTSMessageType
CREATE_CHANNEL_RESPONSE: RTSMessageType
JOIN_CHANNEL_REQUEST: RTSMessageType
JOIN_CHANNEL_RESPONSE: RTSMessageType
LEAVE_CHANNEL_REQUEST: RTSMessageType
LEAVE_CHANNEL_RESPONSE: RTSMessageType
USER_JOIN_NOTIFICATION: RTSMessageType
USER_LEAVE_NOTIFICATION: RTSMessageType
SINGLE_CALL: CallType
CHANNEL_CALL: CallType
A_STREAM: StreamDataType
V_STREAM: StreamDataType
AV_STREAM: StreamDataType
SUCC: RTSResult
PEER_REFUSE: RTSResult
PEER_OFFLINE: RTSResult
CALLID_EXIST: RTSResult
CALLID_NOT_EXIST: RTSResult
SDP_FAIL: RTSResult
INTERNAL_ERROR1: RTSResult
PARAMETER_ERROR: RTSResult
INVALID_OPERATION: RTSResult
EXCEED_MAX_LIMIT: RTSResult
ALREADY_IN_SESSION: RTSResult
CONNECT_RELAY_FAILED: RTSResult
BIND_RELAY_FAILED: RTSResult
ERROR_USER_DEFINED: RTSResult

class RTSMessage(_message.Message):
    __slots__ = ("type", "callId", "callType", "uuid", "resource", "payload", "region_bucket")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CALLID_FIELD_NUMBER: _ClassVar[int]
    CALLTYPE_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    REGION_BUCKET_FIELD_NUMBER: _ClassVar[int]
    type: RTSMessageType
    callId: int
    callType: CallType
    uuid: int
    resource: str
    payload: bytes
    region_bucket: int
    def __init__(self, type: _Optional[_Union[RTSMessageType, str]] = ..., callId: _Optional[int] = ..., callType: _Optional[_Union[CallType, str]] = ..., uuid: _Optional[int] = ..., resource: _Optional[str] = ..., payload: _Optional[bytes] = ..., region_bucket: _Optional[int] = ...) -> None: ...

class UserInfo(_message.Message):
    __slots__ = ("uuid", "resource", "appId", "appAccount", "intranetIp", "intranetPort", "internetIp", "internetPort", "relayIp", "relayPort", "connId", "is_tcp")
    UUID_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    APPID_FIELD_NUMBER: _ClassVar[int]
    APPACCOUNT_FIELD_NUMBER: _ClassVar[int]
    INTRANETIP_FIELD_NUMBER: _ClassVar[int]
    INTRANETPORT_FIELD_NUMBER: _ClassVar[int]
    INTERNETIP_FIELD_NUMBER: _ClassVar[int]
    INTERNETPORT_FIELD_NUMBER: _ClassVar[int]
    RELAYIP_FIELD_NUMBER: _ClassVar[int]
    RELAYPORT_FIELD_NUMBER: _ClassVar[int]
    CONNID_FIELD_NUMBER: _ClassVar[int]
    IS_TCP_FIELD_NUMBER: _ClassVar[int]
    uuid: int
    resource: str
    appId: int
    appAccount: str
    intranetIp: str
    intranetPort: int
    internetIp: str
    internetPort: int
    relayIp: str
    relayPort: int
    connId: int
    is_tcp: bool
    def __init__(self, uuid: _Optional[int] = ..., resource: _Optional[str] = ..., appId: _Optional[int] = ..., appAccount: _Optional[str] = ..., intranetIp: _Optional[str] = ..., intranetPort: _Optional[int] = ..., internetIp: _Optional[str] = ..., internetPort: _Optional[int] = ..., relayIp: _Optional[str] = ..., relayPort: _Optional[int] = ..., connId: _Optional[int] = ..., is_tcp: _Optional[bool] = ...) -> None: ...

class CreateRequest(_message.Message):
    __slots__ = ("streamType", "members", "sdp", "appContent")
    STREAMTYPE_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    SDP_FIELD_NUMBER: _ClassVar[int]
    APPCONTENT_FIELD_NUMBER: _ClassVar[int]
    streamType: StreamDataType
    members: _containers.RepeatedCompositeFieldContainer[UserInfo]
    sdp: str
    appContent: bytes
    def __init__(self, streamType: _Optional[_Union[StreamDataType, str]] = ..., members: _Optional[_Iterable[_Union[UserInfo, _Mapping]]] = ..., sdp: _Optional[str] = ..., appContent: _Optional[bytes] = ...) -> None: ...

class CreateResponse(_message.Message):
    __slots__ = ("result", "errmsg", "sdp", "members")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERRMSG_FIELD_NUMBER: _ClassVar[int]
    SDP_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    result: RTSResult
    errmsg: str
    sdp: str
    members: _containers.RepeatedCompositeFieldContainer[UserInfo]
    def __init__(self, result: _Optional[_Union[RTSResult, str]] = ..., errmsg: _Optional[str] = ..., sdp: _Optional[str] = ..., members: _Optional[_Iterable[_Union[UserInfo, _Mapping]]] = ...) -> None: ...
