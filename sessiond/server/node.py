"""One server process: the runtime, its doors, and the decision to stop."""

import gc
import logging
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing
from functools import partial
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import Final, cast

import trio
from attrs import evolve, frozen

from sessiond import __version__, telemetry
from sessiond.app import App
from sessiond.config.settings import ListenSettings, Settings, store_kind
from sessiond.core.codes import CloseCode, ErrorCode
from sessiond.core.errors import StoreInUse
from sessiond.core.gateways.accounts import calling_accounts
from sessiond.core.ids import NodeId
from sessiond.core.ports import Clock, Store
from sessiond.core.session.phases import Phase
from sessiond.edges.admin.socket import serve_admin
from sessiond.edges.auth import TokenVerifier
from sessiond.edges.http.answers import error_answer
from sessiond.edges.http.forwarded import through_proxies
from sessiond.edges.http.outbound import Outbound
from sessiond.edges.http.router import Router
from sessiond.edges.websocket.connection import WebsocketConnection
from sessiond.edges.websocket.upgrade import WebsocketDoor, WebsocketSettings
from sessiond.net.front import Front
from sessiond.net.listen import open_tcp
from sessiond.net.listen import serve as serve_listeners
from sessiond.net.messages import Request, Response
from sessiond.net.poll import Poller
from sessiond.observability.logs import open_logs
from sessiond.observability.metrics import Metrics, sample_loop_lag
from sessiond.runtime.clock import SystemClock
from sessiond.runtime.entropy import SystemEntropy
from sessiond.runtime.node import NodeRuntime
from sessiond.runtime.operations import Operations
from sessiond.runtime.patience import until_decided
from sessiond.server.accounts import larger_bodies, open_accounts, open_downloads
from sessiond.server.policy import node_policy
from sessiond.server.public_routes import public_routes
from sessiond.server.readiness import watch_readiness
from sessiond.server.stores import ArrivingStore

__all__ = ["EXIT_DRAINED", "EXIT_LEASE_LOST", "Bound", "Node", "serve"]

EXIT_DRAINED: Final = 0
EXIT_LEASE_LOST: Final = 75
"""``EX_TEMPFAIL``: another process owns the sessions now; start again to take them back or wait."""

#: A session server makes many short-lived values and few cycles: the collector looks for them seldom. *(measured:
#: 6 % less CPU per echo at 100 and at 1000 connections than with Python's 700, 10, 10)* But whatever it looks at stands
#: still meanwhile, a microsecond for each new object, and sessions that begin are new objects: 4 ms for 4000, twice
#: that for the second look at what was left, 33 ms for 50,000. The old generation is looked at after 1.2 million
#: lasting objects: cycles that an app makes hold some 100 MB at most until then. What the start has made, 130 000
#: objects, is looked at no more: the first look at it stopped the server for 90 ms.
_COLLECTOR: Final = (4_000, 0, 150)

#: For the last frames to leave the kernel's buffers before the process does.
_GOODBYE_SECONDS: Final = 0.2

#: How long the doors stay shut at the start while the sessions are being taken over, nearly always for less.
_SHUT_SECONDS: Final = 3.0

_log: Final = logging.getLogger("sessiond.server")


@frozen
class Bound:
    """Where a started server can be reached."""

    http: tuple[str, ...]
    """``address:port`` of each listener."""
    admin: Path
    """Path of the admin socket."""
    warnings: tuple[str, ...]
    """What an operator should know: keys that are missing, a store that keeps less than was asked for."""


async def serve(
    app: App,
    settings: Settings,
    *,
    app_name: str = "",
    handle_signals: bool = True,
    task_status: trio.TaskStatus[Bound] = trio.TASK_STATUS_IGNORED,
) -> int:
    """Run a node until it is drained (SIGTERM, SIGINT, the admin socket) or loses its lease to another.

    A lease that ran out because the store was away ends the node, not the server: sockets are closed with "come back",
    and a node begins anew, as after a crash: it waits for the store and takes everything up again. When another took
    it meanwhile, the lease is lost to that one.

    Returns ``EXIT_DRAINED`` or ``EXIT_LEASE_LOST``. ``started()`` hands back where it listens: when it serves, or
    when it waits for a store that is away (then its doors say so, and it goes on by itself). Cancelled: stops at
    once, as a crash would; nothing acknowledged is lost.

    Raises:
      AddressInUse, InvalidInput: an address or path cannot be listened on; a setting is unusable.
      StoreInUse: another live process owns this store, at the start.
      StoreError: the store cannot be used.

    """
    user_key = settings.log.hash_key.encode() or None
    close_logs = open_logs(settings.log, user_key=user_key)
    has_served = False
    try:
        while True:
            try:
                async with AsyncExitStack() as stack:
                    node = Node(app, settings, ArrivingStore(settings.store, stack), app_name)
                    code = await node.run(handle_signals=handle_signals, task_status=task_status)
            except Exception as error:
                owner = _in_use(error)
                if owner is None or not has_served:
                    raise
                _log.error("the sessions are not taken up again: %s", owner)
                return EXIT_LEASE_LOST
            if code != EXIT_LEASE_LOST or not node.runtime.ownership.lost_store:
                return code
            _log.warning(
                "the store was away for longer than the lease: sessions are taken up when it is back"
            )
            settings = _at_the_same_port(settings, node.bound)
            task_status = trio.TASK_STATUS_IGNORED
            has_served = True
    finally:
        close_logs()


def _at_the_same_port(settings: Settings, bound: Bound | None) -> Settings:
    """Say which port was meant, when any free one was."""
    if settings.listen.port or bound is None:
        return settings
    port = int(bound.http[0].rpartition(":")[2])
    return evolve(settings, listen=evolve(settings.listen, port=port))


class Node:
    """One life of the server: the runtime, its doors, and the decision to stop."""

    def __init__(self, app: App, settings: Settings, store: ArrivingStore, app_name: str) -> None:
        self.settings = settings
        self.store = store
        self.clock: Clock = SystemClock()
        self.entropy = SystemEntropy()
        kind = store_kind(settings.store.url).value
        accounts = open_accounts(settings)
        self.larger_bodies = larger_bodies(settings, accounts)
        self.outbound = Outbound()
        open_downloads(app, accounts, self.outbound, self.clock)
        self.runtime = NodeRuntime(
            NodeId(settings.node.name),
            cast("Store", store),
            app,
            node_policy(settings),
            clock=self.clock,
            entropy=self.entropy,
            book=app.book(
                settings.session_keys,
                settings.flow_sessions,
                settings.journal,
                calling=calling_accounts(accounts),
            ),
            accounts=accounts,
            call=self.outbound,
            store_name=kind,
        )
        self.verifier = TokenVerifier(settings.auth, self.clock)
        self.websockets = WebsocketDoor(
            directory=self.runtime.directory,
            authenticate=self.verifier.verify,
            clock=self.clock,
            settings=WebsocketSettings(limits=settings.websocket, origins=settings.listen.origins),
        )
        self.metrics = Metrics()
        self.public = public_routes(
            app, settings, self.runtime, metrics=lambda: self.metrics.render()[1]
        )
        self.router = Router((*self.public.described, *self.public.unsaid), self.clock)
        self.operations = Operations(
            self.runtime, version=__version__, store=kind, app=app_name, drain=self.start_drain
        )
        self.wants_drain = trio.Event()
        self.bound: Bound | None = None
        self.store_warnings: tuple[str, ...] = ()

    def start_drain(self) -> bool:
        """Ask for a drain; ``False``: it was asked for already."""
        if self.wants_drain.is_set():
            return False
        self.wants_drain.set()
        return True

    async def run(self, *, handle_signals: bool, task_status: trio.TaskStatus[Bound]) -> int:
        """Open the doors, wait for the reason to stop, stop in order; returns the exit code."""
        stop_metrics = self._watch()
        node, started = self.runtime.node, self.clock.monotonic()
        reason, is_up = "failed", False
        try:
            async with aclosing(self.outbound), trio.open_nursery() as nursery:
                if handle_signals:  # the process is ours
                    _settle_collector()
                    await nursery.start(self._obey_signals)
                bound = self.bound = await self._open(nursery)
                is_up = True
                telemetry.emit("node.started", {}, {"node": node, "version": __version__})
                for warning in bound.warnings:
                    _log.warning("%s", warning)
                _log.info("listening on %s; admin socket %s", ", ".join(bound.http), bound.admin)
                task_status.started(bound)
                reason, code = await self._until_stopped()
                nursery.cancel_scope.cancel()
        except Exception as error:
            if _in_use(error) is not None:
                reason = "the store is in use"
            elif is_up:
                telemetry.emit("node.failed", {}, {"node": node, "error": _cause(error)})
            raise
        finally:
            uptime = self.clock.monotonic() - started
            telemetry.emit("node.stopped", {"uptime": uptime}, {"node": node, "reason": reason})
            stop_metrics()
        return code

    async def _open(self, nursery: trio.Nursery) -> Bound:
        """Own the sessions first, then let people in; also when the store keeps us waiting, to tell them so."""
        settings = self.settings
        listeners = open_tcp(settings.listen.host, settings.listen.port)
        try:
            await self._start_owning(nursery)
        except BaseException:
            for listener in listeners:
                listener.close()
            raise
        poller = Poller(settings.transport)
        await nursery.start(poller.run)
        await nursery.start(self.websockets.run)
        nursery.start_soon(sample_loop_lag, self.metrics.observe_lag)
        proxies = settings.listen.trusted_proxies
        front = Front(
            through_proxies(self.router, proxies),
            through_proxies(self._upgrade, proxies),
            poller=poller,
            http=settings.http,
            transport=settings.transport,
            larger=self.larger_bodies,
        )
        http = await nursery.start(
            partial(
                serve_listeners, front, listeners, limits=settings.accept, tls=_tls(settings.listen)
            )
        )
        await nursery.start(serve_admin, self.operations, settings.admin)
        warnings = (*self.verifier.warnings, *self.public.warnings, *self.store_warnings)
        return Bound(http, settings.admin.socket, warnings)

    async def _start_owning(self, nursery: trio.Nursery) -> None:
        """Return when the sessions are ours, or this takes longer than people should find the doors shut."""
        is_decided = trio.Event()

        async def own() -> None:
            runtime = self.runtime
            await until_decided(self.store.open, runtime.availability, self.entropy)
            await nursery.start(runtime.run)
            found = await until_decided(runtime.store.check, runtime.availability, self.entropy)
            if is_open:
                for warning in found:
                    _log.warning("%s", warning)
            self.store_warnings = found
            is_decided.set()

        is_open = False
        self.runtime.availability.listen(lambda _: is_decided.set())
        nursery.start_soon(own)
        with trio.move_on_after(_SHUT_SECONDS):
            await is_decided.wait()
        is_open = True

    async def _upgrade(self, request: Request) -> Response | WebsocketConnection:
        """Turn websockets away while there are no sessions to join."""
        if self.runtime.directory.is_starting:
            return error_answer(ErrorCode.UNAVAILABLE, "the server is starting; connect again")
        return await self.websockets.upgrade(request)

    async def _until_stopped(self) -> tuple[str, int]:
        """Wait for a drain or the loss of the lease, and do what it asks for.

        Readiness is told until then: that a node that stops is not ready is no news, and no warning.
        """
        lost = self.runtime.ownership.lost
        async with trio.open_nursery() as nursery:

            async def until(event: trio.Event) -> None:
                await event.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(until, lost)
            nursery.start_soon(until, self.wants_drain)
            nursery.start_soon(watch_readiness, self.runtime.not_ready, self.runtime.node)
        if lost.is_set():
            for connection in self.websockets.connections:
                connection.close(CloseCode.MOVED)
            await trio.sleep(_GOODBYE_SECONDS)
            return self.runtime.ownership.reason, EXIT_LEASE_LOST
        drain = self.runtime.drain(
            stops=(self.websockets.drain,), connections=lambda: self.websockets.connections
        )
        report = await drain()
        await trio.sleep(_GOODBYE_SECONDS)
        _log.info(
            "drained: %d sessions, %d connections, %d not saved, in %.1f s",
            report.sessions,
            report.connections,
            len(report.unsaved),
            report.seconds,
        )
        return "drained", EXIT_DRAINED

    async def _obey_signals(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Drain at the first SIGTERM or SIGINT; at the second stop at once, as a crash would."""
        with trio.open_signal_receiver(SIGTERM, SIGINT) as signals:
            task_status.started()
            async for _ in signals:
                if not self.start_drain():
                    raise KeyboardInterrupt

    def _watch(self) -> Callable[[], None]:
        """Let the metrics read what the node knows."""
        runtime = self.runtime

        def by_phase() -> dict[str, float]:
            counted = self.operations.stats().sessions
            return {phase.value: float(counted.get(phase, 0)) for phase in Phase}

        def mailboxes() -> list[int]:
            return [len(cell.mailbox) for cell in runtime.registry]

        self.metrics.watch("sessions", by_phase)
        self.metrics.watch("connections", lambda: float(len(self.websockets.connections)))
        self.metrics.watch("mailbox_depth", lambda: float(sum(mailboxes())))
        self.metrics.watch("mailbox_depth_max", lambda: float(max(mailboxes(), default=0)))
        self.metrics.watch("quarantined_users", lambda: float(self.operations.stats().quarantined))
        self.metrics.watch("partitions_owned", lambda: float(len(runtime.ownership.fences)))
        self.metrics.watch("store_available", lambda: float(runtime.availability.available))
        self.metrics.watch("conversations", lambda: float(self.operations.conversations()))
        self.metrics.watch("runs_under_way", lambda: float(len(runtime.runs)))
        self.metrics.watch("ready", lambda: float(not runtime.not_ready()))
        return self.metrics.open()


def _in_use(error: Exception) -> StoreInUse | None:
    """Find the refusal of a store that another process has, alone or in groups; ``None`` beside anything else."""
    if isinstance(error, ExceptionGroup):
        _, others = error.split(StoreInUse)
        return None if others else _in_use(error.exceptions[0])
    return error if isinstance(error, StoreInUse) else None


def _cause(error: Exception) -> str:
    """Name the class of *error*, or of the first in a group."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__


def _tls(settings: ListenSettings) -> ssl.SSLContext | None:
    if settings.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return context


def _settle_collector() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTOR)
