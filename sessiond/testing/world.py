"""A world to test an app in: one node in this process, on virtual time, with recording connections and no sockets.

::

    async def test_a_deal_is_pushed(autojump_clock):
        async with open_world(app) as world:
            phone = world.connect("alice", device="phone")
            await phone.join()
            reply = await phone.push("deal:update", {"id": 7})
            assert reply == {"seen": True}
            assert phone.pushes == [("deal:updated", {"_offset": 1, "id": 7})]

Everything is real but the doors: actors, commits, timers, retries, the store (in memory, or one you give). Under Trio's
``MockClock(autojump_threshold=0)`` (pytest-trio's ``autojump_clock`` as a direct argument of the test) hours pass at
once: ``await trio.sleep(3600)``, or ``await world.settle()`` for "until nothing more happens by itself now".

``world.crash()`` throws the node away as ``kill -9`` does and keeps the store; ``await world.restart()`` starts anew.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Final

import msgspec
import trio
from trio.testing import wait_all_tasks_blocked

from sessiond.app import App
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.flow_session import FlowSessionLimits
from sessiond.core.gateways.accounts import Account, calling_accounts
from sessiond.core.ids import (
    ConnectionId,
    NodeId,
    UserId,
    input_digest,
    parse_user_id,
    partition_of,
)
from sessiond.core.ports import Store
from sessiond.core.records import DeadLetter, Receipt
from sessiond.core.session.inputs import HookCall, Input
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.snapshot import decode_snapshot
from sessiond.runtime.clock import SteadyClock
from sessiond.runtime.downloads import MediaDownloads, Provider
from sessiond.runtime.drain import DrainReport, DrainSettings
from sessiond.runtime.entropy import SeededEntropy
from sessiond.runtime.node import NodePolicy, NodeRuntime
from sessiond.runtime.operations import Operations
from sessiond.runtime.provider_calls import CallProvider
from sessiond.runtime.ref import ActorRef
from sessiond.runtime.restart import RestartPolicy
from sessiond.runtime.services import ActorPolicy
from sessiond.runtime.threads import InPlace
from sessiond.stores.memory import MemoryStore
from sessiond.testing.connections import Closed, Connection, Pushed, Reply, WorldError

__all__ = ["Closed", "Connection", "Pushed", "Reply", "World", "WorldError", "open_world"]

#: 2023-11-14T22:13:20Z: a wall clock that no test takes for a monotonic one.
_EPOCH: Final = 1_700_000_000.0

#: Of the session keys of every world.
_SECRET: Final = "nobody else has it"

_ASK_SECONDS: Final = 10.0


class World:
    """One node and its clients; made by ``open_world``.

    *node* is the running ``NodeRuntime`` and *operations* what operators may ask of it, for tests that look deeper.
    """

    def __init__(
        self,
        app: App,
        store: Store,
        policy: NodePolicy,
        nursery: trio.Nursery,
        seed: int,
        accounts: Sequence[Account] = (),
        *,
        call: CallProvider | None = None,
    ) -> None:
        self.app = app
        self.store = store
        self.policy = policy
        self.clock = SteadyClock(_EPOCH)
        """``clock.jump(seconds)`` moves the wall clock alone."""
        self.session_keys = SessionKeySettings(secret=_SECRET)
        """How conversations are told apart; set it before ``restart``."""
        self.flow_sessions = FlowSessionLimits()
        """How long conversations are kept, and how much flows may remember; set it before ``restart``."""
        self.accounts = {account.name: account for account in accounts}
        """The gateways; set it before ``restart``."""
        self.node: NodeRuntime
        self.operations: Operations
        self._call = call
        self._entropy = SeededEntropy(seed)
        self._nursery = nursery
        self._numbers = count(1)
        self._life: _Life | None = None
        self._connections: list[Connection] = []

    # Clients and platforms

    def connect(self, user: str, *, device: str = "") -> Connection:
        """Open a connection of *user*; it joins when you say so. *device* names the client across connections."""
        life = self._alive()
        number = ConnectionId(next(self._numbers))
        connection = Connection(life, number, parse_user_id(user), device)
        self._connections = [one for one in self._connections if one.is_open]
        self._connections.append(connection)
        return connection

    async def join(self, user: str, *, device: str = "") -> Connection:
        """Open a connection of *user* that has joined."""
        connection = self.connect(user, device=device)
        await connection.join()
        return connection

    async def webhook(
        self, user: str, payload: object, *, name: str = "json", input_id: str | None = None
    ) -> Receipt:
        """Deliver a webhook to an accepting door: durable when this returns. *input_id* is unique unless given.

        Raises:
          StoreUnavailable: the store is away; the platform sends it again.
          Refused: overloaded or draining.

        """
        digest = input_digest(f"hook:{name}", input_id or self._entropy.token(8).hex())
        body = msgspec.json.encode(payload)
        self._alive()
        return await self.node.intake.accept(parse_user_id(user), f"hook:{name}", body, digest)

    async def call_webhook(
        self,
        user: str,
        payload: object,
        *,
        name: str = "json",
        input_id: str | None = None,
        seconds: float = _ASK_SECONDS,
    ) -> Any:
        """Deliver a webhook to a waiting door and return the handler's answer. Raises what ``ActorRef.ask`` raises."""
        digest = None if input_id is None else input_digest(f"hook:{name}", input_id)
        return msgspec.json.decode(
            await self.ref(user).ask(HookCall(name, payload, digest), timeout=seconds)
        )

    def ref(self, user: str) -> ActorRef:
        """Return the address of *user*'s session."""
        self._alive()
        return self.node.directory.locate(parse_user_id(user))

    # What there is

    def is_resident(self, user: str) -> bool:
        """Tell whether *user*'s session is in memory."""
        return self.node.registry.get(UserId(user)) is not None

    async def data(self, user: str) -> Any:
        """Read the session data that are stored for *user*; ``None`` when there is no record."""
        loaded = await self.store.load(UserId(user), partition_of(UserId(user)))
        return (
            None if loaded is None else msgspec.json.decode(decode_snapshot(loaded.snapshot).data)
        )

    async def dead_letters(self, user: str | None = None) -> tuple[DeadLetter, ...]:
        """List the inputs that were given up."""
        return await self.store.dead_letters(user=None if user is None else UserId(user))

    async def settle(self) -> None:
        """Wait until nothing more happens by itself at this moment; no time passes under an autojump clock."""
        await wait_all_tasks_blocked()

    # The node's life

    def crash(self) -> None:
        """Kill the node as ``kill -9`` does: nobody is told, nothing is saved, the store stays."""
        life = self._alive()
        self._life = None
        life.is_over = True
        for connection in self._connections:
            connection.lose()
        self._connections.clear()
        life.scope.cancel()

    async def restart(self) -> None:
        """Start the node anew on the same store, crashing the running one first, if there is one."""
        if self._life is not None:
            life = self._life
            self.crash()
            await life.ended.wait()
        await self._start()

    async def drain(self) -> DrainReport:
        """Stop the node as SIGTERM does; ``restart`` starts the next."""
        life = self._alive()
        connections = tuple(one for one in self._connections if one.is_open)
        report = await self.node.drain(
            stops=(), connections=lambda: [one.wire for one in connections]
        )()
        life.scope.cancel()
        await life.ended.wait()
        self._life = None
        return report

    async def _start(self) -> None:
        self.node = NodeRuntime(
            NodeId("world"),
            self.store,
            self.app,
            self.policy,
            clock=self.clock,
            entropy=self._entropy,
            book=self.app.book(
                self.session_keys, self.flow_sessions, calling=calling_accounts(self.accounts)
            ),
            accounts=self.accounts,
            call=self._call,
            threads=InPlace(),
        )
        if isinstance(self._call, Provider):
            self.app.downloads = MediaDownloads(self.accounts, self._call, clock=self.clock)
        self.operations = Operations(
            self.node, version="test", store="memory", app="world", drain=lambda: False
        )
        self._life = _Life(self.node)
        await self._nursery.start(self._life.run)

    def _alive(self) -> "_Life":
        if self._life is None:
            raise InvalidInput("the node is not running: restart it first")
        return self._life


class _Life:
    """One run of the node: what connections of that run talk to."""

    def __init__(self, node: NodeRuntime) -> None:
        self.node = node
        self.scope = trio.CancelScope()
        self.ended = trio.Event()
        self.is_over = False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        try:
            with self.scope:
                await self.node.run(task_status=task_status)
        finally:
            self.ended.set()

    def tell(self, user: UserId, item: Input, reply: Reply | None) -> None:
        if not self.is_over:
            self.node.directory.locate(user).tell(item, reply)


@asynccontextmanager
async def open_world(
    app: App,
    *,
    limits: SessionLimits | None = None,
    policy: NodePolicy | None = None,
    store: Store | None = None,
    seed: int = 0,
    accounts: Sequence[Account] = (),
    call: CallProvider | None = None,
) -> AsyncIterator[World]:
    """Run *app* on one node until the block ends; use it inside a Trio test with an autojump clock.

    *limits* bound the sessions; *policy* everything else (it wins over *limits*). *store* is in memory unless given;
    the same *seed* gives the same ids and jitter. *accounts* are the gateways that users may come by. *call* makes
    the calls to their providers, and fetches what people sent; without it, messages stay in the store.
    """
    chosen = policy or NodePolicy(
        session=limits or SessionLimits(),
        actor=ActorPolicy(),
        restart=RestartPolicy(),
        drain=DrainSettings(),
    )
    try:
        async with trio.open_nursery() as nursery:
            world = World(app, store or MemoryStore(), chosen, nursery, seed, accounts, call=call)
            await world.restart()
            yield world
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:  # a failed assertion of the test, as itself
            raise group.exceptions[0] from None
        raise
