from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.app.config import ENVIRONMENT_ONLY, Config, Secret, load_config, options, parse_networks
from openmimc.app.errors import ConfigError

KEY = base64.b64encode(b"k" * 32).decode()

ports = st.integers(min_value=0, max_value=65_535)
seconds = st.floats(min_value=0.001, max_value=86_400).map(lambda value: round(value, 3))
names = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789.-/", min_size=1, max_size=20)

# For each option that has all three places: values as a TOML file has them.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "data_dir": names,
    "host": names,
    "http_port": ports,
    "tcp_port": ports,
    "tls_tcp_port": ports,
    "public_host": names,
    "fe_domain": names,
    "max_connections": st.integers(min_value=1, max_value=10_000_000),
    "conn_timeout_s": seconds,
    "handshaken_timeout_s": seconds,
    "bound_timeout_s": seconds,
    "drain_grace_s": seconds,
    "callbacks_allow_private": st.booleans(),
    "log_format": st.sampled_from(["auto", "human", "json"]),
    "log_level": st.sampled_from(["debug", "info", "warning", "error"]),
    "demo_app": st.booleans(),
    "demo_page": st.sampled_from(["auto", "on", "off"]),
    "console": st.sampled_from(["on", "off"]),
    "trusted_proxies": st.sampled_from(["none", "127.0.0.1", "10.0.0.0/8, 2001:db8::/32"]),
}

given_values = st.fixed_dictionaries({}, optional=VALUES)


def as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_config(name: str, value: object) -> object:
    return Path(str(value)) if name == "data_dir" else value


def write_toml(path: Path, values: dict[str, Any]) -> Path:
    # JSON's numbers, booleans and plain strings are TOML's.
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
    return path


def test_the_table_of_this_test_has_every_option_with_three_places() -> None:
    three_places = {option.name for option in options()} - ENVIRONMENT_ONLY
    assert VALUES.keys() == three_places - {"tls_cert", "tls_key"}  # Those two go together; tested apart.


@given(flags=given_values, environment=given_values, file=given_values)
def test_the_first_place_that_names_an_option_decides(
    tmp_path_factory: pytest.TempPathFactory,
    flags: dict[str, Any],
    environment: dict[str, Any],
    file: dict[str, Any],
) -> None:
    toml = write_toml(tmp_path_factory.mktemp("config") / "openmimc.toml", file)
    variables = {f"OPENMIMC_{name.upper()}": as_text(value) for name, value in environment.items()}

    config = load_config({name: as_text(value) for name, value in flags.items()}, variables, toml)

    defaults = Config()
    for name in VALUES:
        place = next((place for place in (flags, environment, file) if name in place), None)
        expected = getattr(defaults, name) if place is None else as_config(name, place[name])
        assert getattr(config, name) == expected


def test_without_any_place_every_option_has_its_default() -> None:
    assert load_config({}, {}) == Config()


def test_a_flag_that_was_not_given_decides_nothing() -> None:
    assert load_config({"tcp_port": None}, {"OPENMIMC_TCP_PORT": "1"}).tcp_port == 1


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_config({}, {"OPENMIMC_TCP_PORT": "", "OPENMIMC_HOST": ""}) == Config()


def test_variables_of_orchestrators_are_let_be() -> None:
    assert load_config({}, {"OPENMIMC_SERVICE_HOST": "10.0.0.1", "OPENMIMC_PORT": "tcp://10.0.0.1"}) == Config()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("http_port", "eighty", "a whole number from 0 to 65535"),
        ("http_port", "65536", "a whole number from 0 to 65535"),
        ("http_port", "-1", "a whole number from 0 to 65535"),
        ("max_connections", "0", "a whole number from 1 to 10000000"),
        ("conn_timeout_s", "0", "a number above 0, to 86400"),
        ("conn_timeout_s", "nan", "a number above 0, to 86400"),
        ("drain_grace_s", "nan", "a number from 0 to 86400"),
        ("drain_grace_s", "inf", "a number from 0 to 86400"),
        ("log_format", "xml", "one of auto, human, json"),
        ("log_level", "INFO", "one of debug, error, info, warning"),
        ("demo_app", "yes", "true or false"),
    ],
)
def test_a_bad_value_is_refused_with_the_option_the_place_and_what_is_allowed(
    name: str, text: str, expected: str
) -> None:
    flag = "--" + name.replace("_", "-")

    with pytest.raises(ConfigError) as from_flag:
        load_config({name: text}, {})
    with pytest.raises(ConfigError) as from_variable:
        load_config({}, {f"OPENMIMC_{name.upper()}": text})

    assert str(from_flag.value) == f"{flag}: must be {expected}, not {text!r}"
    assert str(from_variable.value) == (
        f"environment variable OPENMIMC_{name.upper()}: must be {expected}, not {text!r}"
    )


def test_a_bad_value_in_the_file_is_refused_with_the_file(tmp_path: Path) -> None:
    file = write_toml(tmp_path / "openmimc.toml", {"tcp_port": "5222"})

    with pytest.raises(ConfigError) as caught:
        load_config({}, {}, file)

    assert str(caught.value) == f"tcp_port in {file}: must be a whole number from 0 to 65535, not '5222'"


def test_a_key_of_the_file_that_is_no_option_is_refused(tmp_path: Path) -> None:
    file = write_toml(tmp_path / "openmimc.toml", {"tcp_prot": 5222})

    with pytest.raises(
        ConfigError, match=r"^tcp_prot in .*: there is no such option; there are bound_timeout_s, "
    ):
        load_config({}, {}, file)


def test_the_servers_key_comes_from_the_environment_alone(tmp_path: Path) -> None:
    file = write_toml(tmp_path / "openmimc.toml", {"server_key": KEY})

    with pytest.raises(ConfigError, match="may be given as environment variable only") as caught:
        load_config({}, {}, file)

    assert KEY not in str(caught.value)
    assert load_config({}, {"OPENMIMC_SERVER_KEY": KEY}).server_key == Secret(KEY)


def test_the_servers_key_does_not_show_itself() -> None:
    config = load_config({}, {"OPENMIMC_SERVER_KEY": KEY})

    assert KEY not in repr(config)
    assert KEY not in str(config.server_key)


@pytest.mark.parametrize("name", ["tls_cert", "tls_key"])
def test_a_certificate_without_its_key_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="tls_cert and tls_key go together"):
        load_config({name: "file.pem"}, {})


def test_certificate_and_key_may_come_from_different_places() -> None:
    config = load_config({"tls_cert": "cert.pem"}, {"OPENMIMC_TLS_KEY": "key.pem"})

    assert (config.tls_cert, config.tls_key) == (Path("cert.pem"), Path("key.pem"))


@pytest.mark.parametrize("content", [b"tcp_port = ", b"\xff\xfe", b"[server]\ntcp_port = 1\n"])
def test_a_file_that_cannot_be_understood_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "openmimc.toml"
    file.write_bytes(content)

    with pytest.raises(ConfigError, match=str(file)):
        load_config({}, {}, file)


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the configuration file .*nowhere\.toml: No such file"):
        load_config({}, {}, tmp_path / "nowhere.toml")


def test_every_option_says_what_it_is_for() -> None:
    for option in options():
        assert option.help.endswith(".")
        assert option.group
        assert option.expected
        assert not option.name.endswith("_s") or option.unit == "seconds"


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("none", []),
        ("127.0.0.1, ::1", ["127.0.0.1/32", "::1/128"]),
        ("10.0.0.0/8,,192.0.2.1", ["10.0.0.0/8", "192.0.2.1/32"]),
    ],
)
def test_proxies_are_addresses_and_networks(text: str, networks: list[str]) -> None:
    assert [str(network) for network in parse_networks(text)] == networks


@pytest.mark.parametrize("text", ["proxy.example.com", "10.0.0.1/8", "127.0.0.1 ::1", "none, 127.0.0.1"])
def test_what_is_no_network_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^trusted_proxies: must be addresses or networks"):
        load_config({"trusted_proxies": text}, {})
