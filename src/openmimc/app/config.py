"""The server's options: one table, four places to set them.

``Config`` is the table. Each field's type, default, range, unit and help serve the flags of ``openmimc serve``,
the environment variables ``OPENMIMC_...``, the keys of the TOML file and ``docs/reference/configuration.md``.
The first place that names an option decides: flag, environment, file, default.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_type_hints

import msgspec
from msgspec import Meta, Struct

from openmimc.app.errors import ConfigError

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

ENVIRONMENT_PREFIX = "OPENMIMC_"
PORT_MAX = 65_535
DAY_S = 86_400.0


class Secret:
    """A text that does not show itself in logs, tracebacks or representations."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def _about(group: str, text: str, unit: str = "") -> Meta:
    return Meta(description=text, extra={"group": group, "unit": unit})


class Config(Struct, frozen=True, kw_only=True):
    """Every option of a server; see ``load_config`` for where the values come from."""

    data_dir: Annotated[
        Path,
        _about(
            "Places", "Directory of everything the server keeps. Made with mode 0700 when it does not exist."
        ),
    ] = Path("openmimc-data")
    host: Annotated[
        str,
        Meta(min_length=1),
        _about("Places", "Address to listen on: 0.0.0.0 for all of IPv4, :: for all of IPv6."),
    ] = "127.0.0.1"
    http_port: Annotated[
        int,
        Meta(ge=0, le=PORT_MAX),
        _about(
            "Places", "Port of HTTP and WebSocket: REST API, browsers, health, metrics. 0 takes a free one."
        ),
    ] = 8080
    tcp_port: Annotated[
        int,
        Meta(ge=0, le=PORT_MAX),
        _about("Places", "Port of the SDKs that speak plain TCP. 0 takes a free one."),
    ] = 5222

    tls_cert: Annotated[
        Path | None,
        _about(
            "TLS",
            "PEM file with the certificate chain. With it, the HTTP port speaks https and wss, and "
            "tls_tcp_port is opened. Read again on SIGHUP.",
        ),
    ] = None
    tls_key: Annotated[
        Path | None,
        _about("TLS", "PEM file with the certificate's private key. Read again on SIGHUP."),
    ] = None
    tls_tcp_port: Annotated[
        int,
        Meta(ge=0, le=PORT_MAX),
        _about(
            "TLS",
            "Port of TCP with TLS, open when a certificate is given. The vendor's SDKs speak plain TCP only, "
            "so tcp_port stays plain. 0 takes a free one.",
        ),
    ] = 5223

    console: Annotated[
        Literal["on", "off"],
        _about("Console", "Whether operators find a console at /console of the HTTP port."),
    ] = "on"
    trusted_proxies: Annotated[
        str,
        Meta(min_length=1),
        _about(
            "Console",
            "Reverse proxies in front: addresses or networks, separated by commas. The console believes their "
            "X-Forwarded-For (who tries passwords), X-Forwarded-Proto (whether cookies are for TLS only) and "
            "X-Forwarded-Host, and nobody else's. none: there is no proxy.",
        ),
    ] = "127.0.0.1, ::1"

    public_host: Annotated[
        str,
        _about(
            "What clients are told",
            "Name or address under which clients reach this server; given to SDKs that ask the resolver. "
            "Empty: the address at which the request arrived.",
        ),
    ] = ""
    fe_domain: Annotated[
        str,
        _about(
            "What clients are told",
            "feDomainName in token answers: the name that some SDKs look up when the resolver does not answer. "
            "Empty: public_host, or else the address listened on.",
        ),
    ] = ""

    max_connections: Annotated[
        int,
        Meta(ge=1, le=10_000_000),
        _about("Limits", "Most client connections at a time, all transports together.", "connections"),
    ] = 100_000
    conn_timeout_s: Annotated[
        float,
        Meta(gt=0, le=DAY_S),
        _about("Limits", "How long a new connection may take to send its first packet.", "seconds"),
    ] = 10.0
    handshaken_timeout_s: Annotated[
        float,
        Meta(gt=0, le=DAY_S),
        _about("Limits", "How long a connection on which nobody is logged in may be silent.", "seconds"),
    ] = 900.0
    bound_timeout_s: Annotated[
        float,
        Meta(gt=0, le=DAY_S),
        _about("Limits", "How long a connection with a logged-in user may be silent.", "seconds"),
    ] = 400.0
    drain_grace_s: Annotated[
        float,
        Meta(ge=0, le=DAY_S),
        _about("Limits", "How long a stopping server waits for what is under way.", "seconds"),
    ] = 5.0

    callbacks_allow_private: Annotated[
        bool,
        _about(
            "Callbacks",
            "Whether callbacks may go to addresses of this machine and of private networks. Turn it off where "
            "strangers set the addresses of their apps' callbacks.",
        ),
    ] = True

    log_format: Annotated[
        Literal["auto", "human", "json"],
        _about("Logs", "Form of the log on stderr. auto: human on a terminal, JSON lines elsewhere."),
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _about("Logs", "Least severity that is logged."),
    ] = "info"

    demo_app: Annotated[
        bool,
        _about(
            "First steps", "On the first start, make an app to try things with and print its credentials once."
        ),
    ] = False

    demo_page: Annotated[
        Literal["auto", "on", "off"],
        _about(
            "First steps",
            "Whether there is a page at /demo to try chat on. Everybody who opens it can be any user of the "
            "demo app. auto: as long as there is a demo app. on: always; without a demo app it asks for "
            "another app's keys.",
        ),
    ] = "auto"

    server_key: Annotated[
        Secret | None,
        _about(
            "Secrets",
            "Key that all tokens derive from: base64 of at least 32 random bytes. Empty: the file server.key "
            "in the data directory, made on the first start.",
        ),
    ] = None


ENVIRONMENT_ONLY = frozenset({"server_key"})
"""Options that neither a flag (every user of the machine could read it) nor the file may hold."""


class Option(Struct, frozen=True):
    """One row of the table.

    Attributes:
        name: Field of ``Config`` and key of the TOML file.
        type: As annotated, ranges included.
        expected: What values are allowed, for people.
    """

    name: str
    type: Any
    default: Any
    group: str
    unit: str
    help: str
    expected: str

    @property
    def flag(self) -> str:
        """Flag of ``openmimc serve``; "" when there is none."""
        return "" if self.name in ENVIRONMENT_ONLY else "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """Environment variable."""
        return ENVIRONMENT_PREFIX + self.name.upper()


@cache
def options() -> tuple[Option, ...]:
    """The table's rows, in the order in which people should read them."""
    hints = get_type_hints(Config, include_extras=True)
    rows = []
    for field in msgspec.structs.fields(Config):
        info = msgspec.inspect.type_info(hints[field.name])
        assert isinstance(info, msgspec.inspect.Metadata)  # noqa: S101 - each field above has an _about
        about = info.extra or {}
        rows.append(
            Option(
                name=field.name,
                type=hints[field.name],
                default=field.default,
                group=about["group"],
                unit=about["unit"],
                help=(info.extra_json_schema or {})["description"],
                expected=_describe(info.type),
            )
        )
    return tuple(rows)


def load_config(
    flags: Mapping[str, object], environment: Mapping[str, str], file: Path | None = None
) -> Config:
    """Gather the options.

    Args:
        flags: Values by option name; None stands for a flag that was not given.
        environment: All variables. An empty one counts as not set, and so do unknown names: orchestrators put
            variables of this prefix into the environment on their own.
        file: TOML file.

    Raises:
        ConfigError: Names the option, and the place that holds the bad value.
    """
    from_file = _read_file(file) if file else {}
    values: dict[str, object] = {}
    for option in options():
        if (given := flags.get(option.name)) is not None:
            values[option.name] = _convert(option, given, place=option.flag, is_text=True)
        elif text := environment.get(option.variable):
            place = f"environment variable {option.variable}"
            values[option.name] = _convert(option, text, place=place, is_text=True)
        elif option.name in from_file:
            place = f"{option.name} in {file}"
            values[option.name] = _convert(option, from_file[option.name], place=place, is_text=False)
    config = Config(**values)  # type: ignore[arg-type] # _convert has given each value its field's type.
    if (config.tls_cert is None) != (config.tls_key is None):
        raise ConfigError("tls_cert and tls_key go together: give both or none")
    parse_networks(config.trusted_proxies)
    return config


def parse_networks(text: str) -> tuple[Network, ...]:
    """The networks that ``trusted_proxies`` names.

    Raises:
        ConfigError: A part of it is neither an address nor a network.
    """
    networks: list[Network] = []
    if text.strip() == "none":
        return ()
    for part in text.split(","):
        if name := part.strip():
            try:
                networks.append(ipaddress.ip_network(name))
            except ValueError as exc:
                reason = "must be addresses or networks (10.0.0.0/8), separated by commas"
                raise ConfigError(f"trusted_proxies: {reason}, not {name!r}") from exc
    return tuple(networks)


def _read_file(file: Path) -> dict[str, object]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"cannot read the configuration file {file}: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"the configuration file {file} is no TOML: {exc}") from exc
    known = {option.name for option in options()} - ENVIRONMENT_ONLY
    for name in values:
        if name in ENVIRONMENT_ONLY:
            raise ConfigError(f"{name} in {file}: may be given as environment variable only")
        if name not in known:
            raise ConfigError(
                f"{name} in {file}: there is no such option; there are {', '.join(sorted(known))}"
            )
    return values


def _convert(option: Option, value: object, *, place: str, is_text: bool) -> object:
    # Flags and variables are texts that become numbers and switches; a TOML value has a type, which must fit.
    try:
        return msgspec.convert(value, option.type, strict=not is_text, dec_hook=_decode)
    except msgspec.ValidationError as exc:
        shown = "the value given" if option.name in ENVIRONMENT_ONLY else repr(value)
        raise ConfigError(f"{place}: must be {option.expected}, not {shown}") from exc


def _decode(wanted: type, value: object) -> object:
    if wanted is Path and isinstance(value, str | Path) and str(value):
        return Path(value)
    if wanted is Secret and isinstance(value, str):
        return Secret(value)
    raise msgspec.ValidationError(f"no {wanted.__name__}")


def _describe(info: msgspec.inspect.Type) -> str:
    """What values a type allows, in words."""
    match info:
        case msgspec.inspect.Metadata(type=inner):
            return _describe(inner)
        case msgspec.inspect.UnionType(types=types):
            return " or ".join(_describe(t) for t in types if not isinstance(t, msgspec.inspect.NoneType))
        case msgspec.inspect.IntType(ge=low, le=high):
            return f"a whole number from {low} to {high}"
        case msgspec.inspect.FloatType(gt=None, ge=low, le=high):
            return f"a number from {low:g} to {high:g}"
        case msgspec.inspect.FloatType(gt=low, le=high):
            return f"a number above {low:g}, to {high:g}"
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.StrType(min_length=least):
            return "a text" if least else "a text, maybe empty"
        case msgspec.inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case msgspec.inspect.CustomType(cls=cls):
            return "a path" if cls is Path else "base64"
    raise AssertionError(f"no words for {info}")
