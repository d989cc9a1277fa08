"""Runs the server: starts everything, tells that it is ready, and stops in the order that loses nothing.

start: directory, its lock, key, certificate, sockets; then the store; then accept
stop:  accept no more; finish what clients sent, and callbacks under way; close connections; close the store;
       give the directory back
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack

import structlog
import uvloop
from msgspec import Struct

import openmimc
from openmimc.app import background
from openmimc.app.build import Node, build_node, frontend_name
from openmimc.app.config import Config
from openmimc.app.data_dir import DataDir, RunningServer
from openmimc.app.demo import make_demo_app, print_demo
from openmimc.app.errors import ConfigError
from openmimc.app.http import HttpServer, start_http
from openmimc.app.listeners import BACKLOG, Address, address_of, bind_listener
from openmimc.app.logs import configure_logs
from openmimc.app.setup_link import print_setup
from openmimc.app.tls import Certificate
from openmimc.wire.codec import codec_name

log = structlog.get_logger(__name__)

OnReady = Callable[[Address, Address], None]
"""Told the addresses of the HTTP and of the plain TCP port."""

TLS_HANDSHAKE_TIMEOUT_S = 10.0

THREAD_SWITCH_S = 200e-6
"""How long a thread may keep the interpreter while another wants it. The store's writer asks for it some thirty
times per transaction, and Python's 5 ms each time are what a message would wait beside a busy event loop."""
FILES_BESIDE_CONNECTIONS = 256
"""Store, listeners, HTTP: file descriptors that are no client connections."""


def run_server(config: Config) -> None:
    """Serve until SIGTERM or SIGINT, then stop in order. A second such signal ends the process at once.

    Prints one line on stdout when everything listens: ``ready http=HOST:PORT tcp=HOST:PORT``.

    Raises:
        StartupError: The server can not start.
        KeyboardInterrupt: It was told a second time to stop, by SIGINT.
    """
    configure_logs(log_format=config.log_format, level=config.log_level)
    if codec_name() != "native":
        log.warning(
            "slow_codec",
            codec=codec_name(),
            hint="packets cost about four times the CPU; install again with a C compiler at hand",
        )
    sys.setswitchinterval(THREAD_SWITCH_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve_until_signalled(config))


async def _serve_until_signalled(config: Config) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    reload = asyncio.Event()

    def on_stop(name: str) -> None:
        log.info("stopping", signal=name)
        stop.set()
        # Acknowledged messages are on disk: who is in a hurry may signal once more and kill the process.
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_stop, number.name)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    await serve(config, stop=stop, reload=reload, on_ready=_print_ready)


def _print_ready(http: Address, tcp: Address) -> None:
    # Programs wait for exactly this line.
    print(f"ready http={http} tcp={tcp}", flush=True)


async def serve(config: Config, *, stop: asyncio.Event, reload: asyncio.Event, on_ready: OnReady) -> None:
    """Serve until ``stop`` is set; returns when everything is closed.

    Args:
        config: All options.
        stop: Set it to end.
        reload: Set it to have the certificate read again.
        on_ready: Called once, when everything listens.

    Raises:
        StartupError: The server can not start; nothing was left behind but the data directory.
    """
    async with AsyncExitStack() as stack:
        data_dir = DataDir(config.data_dir)
        data_dir.create()
        data_dir.lock()
        stack.callback(data_dir.unlock)
        server_key = data_dir.server_key(config.server_key)
        certificate = None
        if config.tls_cert and config.tls_key:
            certificate = Certificate(config.tls_cert, config.tls_key)
        sockets = _Sockets.bind(config)
        stack.callback(sockets.close)
        max_connections = _claim_files(config.max_connections)
        node = build_node(
            config,
            database=data_dir.database_file(),
            server_key=server_key,
            tcp_port=address_of(sockets.tcp).port,
            max_connections=max_connections,
            find_demo_app=data_dir.find_demo_app,
        )
        stack.push_async_callback(node.store.aclose)
        stack.push_async_callback(node.sender.aclose)
        await node.apps.refresh()
        await node.gateway.start()
        doors = await _open_doors(
            node,
            sockets,
            tls=certificate.context if certificate else None,
            max_connections=max_connections,
            grace_s=config.drain_grace_s,
        )
        stack.push_async_callback(_close_doors, config, node, doors)
        node.dispatcher.start()
        server = _describe(config, sockets)
        data_dir.announce(server)
        stack.callback(data_dir.withdraw)
        if max_connections < config.max_connections:
            reason = "the system grants no more open files"
            log.info("max_connections_lowered", to=max_connections, reason=reason)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(background.refresh_apps(node.apps, on_change=node.gateway.enforce_apps)),
                group.create_task(background.enforce_accounts(node.store, node.gateway.enforce_accounts)),
                group.create_task(background.sample_health(node.health)),
                group.create_task(background.sweep(node.store)),
                group.create_task(background.count_callbacks(node.store, node.dispatcher.stats)),
                group.create_task(_reload_certificate(certificate, reload)),
                group.create_task(doors.http.main_loop()),
            ]
            log.info(
                "ready",
                version=openmimc.__version__,
                http=server.http_url,
                tcp=server.tcp,
                tls_tcp=server.tls_tcp,
            )
            on_ready(address_of(sockets.http), address_of(sockets.tcp))
            if config.demo_app and data_dir.find_demo_app() is None:
                demo = await make_demo_app(node.apps, data_dir)
                print_demo(demo, server, data_dir, has_page=config.demo_page != "off")
            if config.console == "on" and await node.operators.needs_setup():
                _show_setup(config, node, server)
            await stop.wait()
            for task in tasks:
                task.cancel()
    log.info("stopped")


class _Sockets(Struct, frozen=True):
    """Bound, in the hands of the servers as soon as those exist."""

    http: socket.socket
    tcp: socket.socket
    tls_tcp: socket.socket | None

    @classmethod
    def bind(cls, config: Config) -> _Sockets:
        bound: list[socket.socket] = []
        ports = [("http_port", config.http_port), ("tcp_port", config.tcp_port)]
        if config.tls_cert:
            ports.append(("tls_tcp_port", config.tls_tcp_port))
        try:
            for option, port in ports:
                bound.append(bind_listener(config.host, port, option=option))
        except BaseException:
            for sock in bound:
                sock.close()
            raise
        return cls(bound[0], bound[1], bound[2] if config.tls_cert else None)

    def close(self) -> None:
        for sock in (self.http, self.tcp, self.tls_tcp):
            if sock is not None:
                sock.close()


class _Doors(Struct, frozen=True):
    """What accepts connections."""

    http: HttpServer
    tcp: list[asyncio.Server]

    def close(self) -> None:
        for server in (*self.http.servers, *self.tcp):
            server.close()


async def _open_doors(
    node: Node, sockets: _Sockets, *, tls: ssl.SSLContext | None, max_connections: int, grace_s: float
) -> _Doors:
    loop = asyncio.get_running_loop()
    make_tcp = node.admission.guard(node.gateway.tcp_protocol)
    tcp = [await loop.create_server(make_tcp, sock=sockets.tcp, backlog=BACKLOG)]
    if sockets.tls_tcp is not None:
        tcp.append(
            await loop.create_server(
                make_tcp,
                sock=sockets.tls_tcp,
                backlog=BACKLOG,
                ssl=tls,
                ssl_handshake_timeout=TLS_HANDSHAKE_TIMEOUT_S,
            )
        )
    http = await start_http(
        node.api,
        node.admission.guard(node.gateway.websocket_protocol),
        sockets.http,
        tls=tls,
        max_connections=max_connections,
        grace_s=grace_s,
    )
    return _Doors(http, tcp)


async def _close_doors(config: Config, node: Node, doors: _Doors) -> None:
    """Let nobody in any more, finish what is under way, close all connections.

    Callbacks of what is committed meanwhile stay in the outbox for the next start.
    """
    node.readiness.is_stopping = True
    doors.close()
    await asyncio.gather(
        node.gateway.drain(config.drain_grace_s),
        doors.http.shutdown(),
        node.dispatcher.aclose(config.drain_grace_s),
    )


def _show_setup(config: Config, node: Node, server: RunningServer) -> None:
    """Say how the console gets its first operator: by a link, unless nothing but JSON lines was asked for."""
    if config.log_format == "json":
        log.info("console_not_set_up", hint="openmimc operator create NAME")
    else:
        print_setup(node.operators.new_setup_code(), server)


async def _reload_certificate(certificate: Certificate | None, reload: asyncio.Event) -> None:
    while True:
        await reload.wait()
        reload.clear()
        if certificate is None:
            log.info("nothing_to_reload", reason="there is no certificate")
            continue
        try:
            certificate.reload()
        except ConfigError as exc:
            log.error("certificate_not_reloaded", reason=str(exc))
        else:
            log.info("certificate_reloaded")


def _describe(config: Config, sockets: _Sockets) -> RunningServer:
    return RunningServer(
        pid=os.getpid(),
        is_tls=sockets.tls_tcp is not None,
        http_address=str(address_of(sockets.http).reachable()),
        tcp=str(address_of(sockets.tcp).reachable()),
        tls_tcp=str(address_of(sockets.tls_tcp).reachable()) if sockets.tls_tcp else None,
        fe_domain=frontend_name(config),
    )


def _claim_files(max_connections: int) -> int:
    """Take as many file descriptors as the connections need, or as the system grants.

    Returns:
        How many connections there are files for, ``max_connections`` at the most.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max_connections + FILES_BESIDE_CONNECTIONS
    granted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < granted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
    if granted < wanted:
        max_connections = max(1, granted - FILES_BESIDE_CONNECTIONS)
    return max_connections
