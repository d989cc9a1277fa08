from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ClientHeader(_message.Message):
    __slots__ = ("chid", "uuid", "server", "resource", "cmd", "subcmd", "id", "dir_flag", "cipher", "err_code", "err_str")
    class DirFlag(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CS_ONEWAY: _ClassVar[ClientHeader.DirFlag]
        CS_REQ: _ClassVar[ClientHeader.DirFlag]
        CS_RESP: _ClassVar[ClientHeader.DirFlag]
        SC_ONEWAY: _ClassVar[ClientHeader.DirFlag]
        SC_REQ: _ClassVar[ClientHeader.DirFlag]
        SC_RESP: _ClassVar[ClientHeader.DirFlag]
    CS_ONEWAY: ClientHeader.DirFlag
    CS_REQ: ClientHeader.DirFlag
    CS_RESP: ClientHeader.DirFlag
    SC_ONEWAY: ClientHeader.DirFlag
    SC_REQ: ClientHeader.DirFlag
    SC_RESP: ClientHeader.DirFlag
    CHID_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    CMD_FIELD_NUMBER: _ClassVar[int]
    SUBCMD_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    DIR_FLAG_FIELD_NUMBER: _ClassVar[int]
    CIPHER_FIELD_NUMBER: _ClassVar[int]
    ERR_CODE_FIELD_NUMBER: _ClassVar[int]
    ERR_STR_FIELD_NUMBER: _ClassVar[int]
    chid: int
    uuid: int
    server: str
    resource: str
    cmd: str
    subcmd: str
    id: str
    dir_flag: ClientHeader.DirFlag
    cipher: int
    err_code: int
    err_str: str
    def __init__(self, chid: _Optional[int] = ..., uuid: _Optional[int] = ..., server: _Optional[str] = ..., resource: _Optional[str] = ..., cmd: _Optional[str] = ..., subcmd: _Optional[str] = ..., id: _Optional[str] = ..., dir_flag: _Optional[_Union[ClientHeader.DirFlag, str]] = ..., cipher: _Optional[int] = ..., err_code: _Optional[int] = ..., err_str: _Optional[str] = ...) -> None: ...

class PushServiceConfigMsg(_message.Message):
    __slots__ = ("fetchBucket", "useBucketV2", "clientVersion", "cloudVersion", "dots")
    FETCHBUCKET_FIELD_NUMBER: _ClassVar[int]
    USEBUCKETV2_FIELD_NUMBER: _ClassVar[int]
    CLIENTVERSION_FIELD_NUMBER: _ClassVar[int]
    CLOUDVERSION_FIELD_NUMBER: _ClassVar[int]
    DOTS_FIELD_NUMBER: _ClassVar[int]
    fetchBucket: bool
    useBucketV2: bool
    clientVersion: int
    cloudVersion: int
    dots: int
    def __init__(self, fetchBucket: _Optional[bool] = ..., useBucketV2: _Optional[bool] = ..., clientVersion: _Optional[int] = ..., cloudVersion: _Optional[int] = ..., dots: _Optional[int] = ...) -> None: ...

class XMMsgConn(_message.Message):
    __slots__ = ("version", "model", "os", "udid", "sdk", "connpt", "host", "locale", "psc", "andver", "publicKeyN", "publicKeyE")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OS_FIELD_NUMBER: _ClassVar[int]
    UDID_FIELD_NUMBER: _ClassVar[int]
    SDK_FIELD_NUMBER: _ClassVar[int]
    CONNPT_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    PSC_FIELD_NUMBER: _ClassVar[int]
    ANDVER_FIELD_NUMBER: _ClassVar[int]
    PUBLICKEYN_FIELD_NUMBER: _ClassVar[int]
    PUBLICKEYE_FIELD_NUMBER: _ClassVar[int]
    version: int
    model: str
    os: str
    udid: str
    sdk: int
    connpt: str
    host: str
    locale: str
    psc: PushServiceConfigMsg
    andver: int
    publicKeyN: bytes
    publicKeyE: bytes
    def __init__(self, version: _Optional[int] = ..., model: _Optional[str] = ..., os: _Optional[str] = ..., udid: _Optional[str] = ..., sdk: _Optional[int] = ..., connpt: _Optional[str] = ..., host: _Optional[str] = ..., locale: _Optional[str] = ..., psc: _Optional[_Union[PushServiceConfigMsg, _Mapping]] = ..., andver: _Optional[int] = ..., publicKeyN: _Optional[bytes] = ..., publicKeyE: _Optional[bytes] = ...) -> None: ...

class XMMsgConnResp(_message.Message):
    __slots__ = ("challenge", "host", "psc", "sessionKey")
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PSC_FIELD_NUMBER: _ClassVar[int]
    SESSIONKEY_FIELD_NUMBER: _ClassVar[int]
    challenge: str
    host: str
    psc: PushServiceConfigMsg
    sessionKey: bytes
    def __init__(self, challenge: _Optional[str] = ..., host: _Optional[str] = ..., psc: _Optional[_Union[PushServiceConfigMsg, _Mapping]] = ..., sessionKey: _Optional[bytes] = ...) -> None: ...

class XMMsgBind(_message.Message):
    __slots__ = ("token", "kick", "method", "client_attrs", "cloud_attrs", "sig", "sso")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    KICK_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ATTRS_FIELD_NUMBER: _ClassVar[int]
    CLOUD_ATTRS_FIELD_NUMBER: _ClassVar[int]
    SIG_FIELD_NUMBER: _ClassVar[int]
    SSO_FIELD_NUMBER: _ClassVar[int]
    token: str
    kick: str
    method: str
    client_attrs: str
    cloud_attrs: str
    sig: str
    sso: bool
    def __init__(self, token: _Optional[str] = ..., kick: _Optional[str] = ..., method: _Optional[str] = ..., client_attrs: _Optional[str] = ..., cloud_attrs: _Optional[str] = ..., sig: _Optional[str] = ..., sso: _Optional[bool] = ...) -> None: ...

class XMMsgBindResp(_message.Message):
    __slots__ = ("result", "error_type", "error_reason", "error_desc")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_TYPE_FIELD_NUMBER: _ClassVar[int]
    ERROR_REASON_FIELD_NUMBER: _ClassVar[int]
    ERROR_DESC_FIELD_NUMBER: _ClassVar[int]
    result: bool
    error_type: str
    error_reason: str
    error_desc: str
    def __init__(self, result: _Optional[bool] = ..., error_type: _Optional[str] = ..., error_reason: _Optional[str] = ..., error_desc: _Optional[str] = ...) -> None: ...

class XMMsgPing(_message.Message):
    __slots__ = ("stats", "psc")
    STATS_FIELD_NUMBER: _ClassVar[int]
    PSC_FIELD_NUMBER: _ClassVar[int]
    stats: bytes
    psc: PushServiceConfigMsg
    def __init__(self, stats: _Optional[bytes] = ..., psc: _Optional[_Union[PushServiceConfigMsg, _Mapping]] = ...) -> None: ...

class XMMsgNotify(_message.Message):
    __slots__ = ("err_code", "err_str")
    ERR_CODE_FIELD_NUMBER: _ClassVar[int]
    ERR_STR_FIELD_NUMBER: _ClassVar[int]
    err_code: int
    err_str: str
    def __init__(self, err_code: _Optional[int] = ..., err_str: _Optional[str] = ...) -> None: ...

class XMMsgKick(_message.Message):
    __slots__ = ("type", "reason", "desc")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DESC_FIELD_NUMBER: _ClassVar[int]
    type: str
    reason: str
    desc: str
    def __init__(self, type: _Optional[str] = ..., reason: _Optional[str] = ..., desc: _Optional[str] = ...) -> None: ...

class XMMsgU(_message.Message):
    __slots__ = ("url", "token", "start", "end", "force", "maxlen")
    URL_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    MAXLEN_FIELD_NUMBER: _ClassVar[int]
    url: str
    token: str
    start: int
    end: int
    force: bool
    maxlen: int
    def __init__(self, url: _Optional[str] = ..., token: _Optional[str] = ..., start: _Optional[int] = ..., end: _Optional[int] = ..., force: _Optional[bool] = ..., maxlen: _Optional[int] = ...) -> None: ...
