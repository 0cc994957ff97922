"""Deliveries of a node whose provider and actors are played by the test, on virtual time."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from attrs import define, field
from trio.testing import wait_all_tasks_blocked

from sessiond import telemetry
from sessiond.core.flows.prompts import Output
from sessiond.core.gateways.accounts import Account, AccountSettings
from sessiond.core.gateways.arrivals import Arrived, StatusUpdate
from sessiond.core.gateways.inputs import DeliverySettled
from sessiond.core.gateways.messages import (
    ProviderAnswer,
    ProviderCall,
    ProviderRequest,
    ProviderResponse,
)
from sessiond.core.gateways.outgoing import Outgoing, delivery_id, encode_outgoing
from sessiond.core.gateways.port import (
    AccountStopped,
    GivenUp,
    Judgement,
    ScreenLimits,
    Sent,
    Template,
    TryAgain,
    WindowClosed,
)
from sessiond.core.ids import PARTITIONS, NodeId, Partition, UserId, partition_of
from sessiond.core.ports import ReplyTo, Store
from sessiond.core.records import Delivery, Fence, UserCommit, VerdictStatus
from sessiond.core.session.inputs import Input
from sessiond.runtime.availability import Availability
from sessiond.runtime.clock import SteadyClock
from sessiond.runtime.deliveries import Deliveries
from sessiond.runtime.entropy import SeededEntropy
from sessiond.stores.memory import MemoryStore

ANN, BOB = UserId("ann"), UserId("bob")
NOW = 1_700_000_000.0
SECRET = "t0p-s3cret"


class Post:
    """A calling gateway whose provider says by the status what became of a message."""

    name = "post"
    platform = "post"
    limits = ScreenLimits(characters=1000)
    credentials: Mapping[str, str] = {"token": SECRET}

    def check(self, request: ProviderRequest) -> ProviderAnswer | None:
        return None

    def read(self, request: ProviderRequest) -> Sequence[Arrived]:
        return ()

    def acknowledge(self) -> ProviderAnswer:
        return ProviderAnswer()

    def calls(self, output: Output, to: str, *, reference: str = "") -> Sequence[ProviderCall]:
        return ()

    def template(self, template: Template, to: str, *, reference: str = "") -> ProviderCall:
        raise NotImplementedError

    def judge(self, response: ProviderResponse) -> Judgement:
        after = response.headers.get("retry-after")
        match response.status:
            case 200:
                return Sent(response.body.decode())
            case 400:
                return GivenUp("400: refused")
            case 401:
                return AccountStopped("401: the token is not accepted")
            case 420:
                seconds = float(after) if after else None
                return TryAgain("420: too many, of somebody", seconds, perhaps_account=True)
            case 299:
                return TryAgain("299: taken without an id", is_taken=True)
            case 429:
                return TryAgain("429: too many", float(after) if after else None, account=True)
            case 470:
                return WindowClosed("470: only templates")
            case 599:
                raise KeyError("+233244123456")
            case 598:
                return None  # type: ignore[return-value]
            case _:
                return TryAgain(f"{response.status}: not now", float(after) if after else None)

    def judge_status(self, update: StatusUpdate) -> Judgement | None:
        return None


def account(name: str = "shop", **settings: Any) -> Account:
    settings = {"recipient_burst": 1000, "calls_per_second": 10_000} | settings
    return Account(name, AccountSettings(gateway="post", **settings), Post())


def message(
    number: int, user: UserId = ANN, account: str = "shop", due: float = NOW, **fields: Any
) -> Delivery:
    """The *number*-th message of *user*."""
    call = ProviderCall(
        url=f"https://api.example.com/{user}/{number}",
        body=b"{}",
        headers={"authorization": "Bearer {token}"},
    )
    settings: dict[str, Any] = {"account": account, "call": call, "at": NOW}
    outgoing = Outgoing(**settings | fields)
    return Delivery(delivery_id(user, number), due, encode_outgoing(outgoing))


def answered(status: int = 200, **headers: str) -> ProviderResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ProviderResponse(status=status, headers=named, body=b"m1")


Act = ProviderResponse | Exception | Callable[[], Awaitable[ProviderResponse]]


@define
class Provider:
    """Answers calls as scripted, then well. *made*: when each came, and what it was."""

    script: deque[Act] = field(factory=deque)
    made: list[tuple[float, str]] = field(factory=list)
    calls: list[ProviderCall] = field(factory=list)
    most: int = 0
    under_way: int = 0

    async def __call__(self, call: ProviderCall, seconds: float) -> ProviderResponse:
        self.made.append((trio.current_time(), call.url.partition("example.com/")[2]))
        self.calls.append(call)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            act = self.script.popleft() if self.script else answered()
            if isinstance(act, Exception):
                raise act
            if isinstance(act, ProviderResponse):
                return act
            return await act()
        finally:
            self.under_way -= 1

    @property
    def order(self) -> list[str]:
        return [name for _, name in self.made]


class Actors:
    """All actors: each takes what it is told, in a commit. *refusals* are raised, or answered, before."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.deliveries: Deliveries | None = None
        self.settled: list[tuple[float, DeliverySettled]] = []
        self.refusals: deque[Exception | str] = deque()
        self.versions: dict[UserId, int] = {}
        self.fences: dict[Partition, Fence] = {}
        self.nursery: trio.Nursery | None = None
        self.took = trio.Event()

    def locate(self, user: UserId) -> Any:
        return _Ref(self, user)

    async def commit(
        self, user: UserId, new: tuple[Delivery, ...] = (), done: tuple[str, ...] = ()
    ) -> None:
        """Make a turn of *user* durable, and tell of it."""
        version = self.versions.get(user, 0)
        self.versions[user] = version + 1
        commit = UserCommit(
            user=user,
            partition=partition_of(user),
            commit_id=b"%016d" % version,
            expected_version=version,
            deliveries=new,
            deliveries_done=done,
        )
        (verdict,) = await self.store.commit([commit], self.fences)
        assert verdict.status is VerdictStatus.APPLIED
        if self.deliveries is not None:
            self.deliveries.note(user, new, done)

    async def take(self, user: UserId, item: DeliverySettled, reply_to: ReplyTo) -> None:
        await self.commit(user, done=(item.delivery,))
        self.settled.append((trio.current_time(), item))
        reply_to.ok(b"{}")
        self.took.set()

    @property
    def results(self) -> list[Any]:
        return [item.judgement for _, item in self.settled]


class _Ref:
    def __init__(self, actors: Actors, user: UserId) -> None:
        self.actors = actors
        self.user = user

    def tell(self, item: Input, reply_to: ReplyTo, *, expires_at: float | None = None) -> None:
        assert isinstance(item, DeliverySettled)
        refusal = self.actors.refusals.popleft() if self.actors.refusals else None
        if isinstance(refusal, Exception):
            raise refusal
        if refusal is not None:
            reply_to.error(refusal, "no")
            return
        assert self.actors.nursery is not None
        self.actors.nursery.start_soon(self.actors.take, self.user, item, reply_to)


@define
class Office:
    """What a test works with."""

    deliveries: Deliveries
    provider: Provider
    actors: Actors
    store: Store
    clock: SteadyClock
    events: list[tuple[str, Mapping[str, float], Mapping[str, object]]]

    def happened(self, name: str) -> list[dict[str, object]]:
        """What was told of the events called *name*."""
        return [{**numbers, **about} for event, numbers, about in self.events if event == name]

    async def drained(self) -> None:
        """Wait until nothing is in memory and nothing in the store."""
        await wait_all_tasks_blocked()
        while len(self.deliveries) or any(row.has_more for row in self.deliveries.accounts()):
            self.actors.took = trio.Event()
            await self.actors.took.wait()
            await wait_all_tasks_blocked()


@asynccontextmanager
async def open_office(
    *accounts: Account,
    script: Sequence[Act] = (),
    store: Store | None = None,
    limit: int = 10_000,
    left: Mapping[UserId, Sequence[Delivery]] | None = None,
    recovers: bool = True,
) -> AsyncIterator[Office]:
    """Run deliveries until the block ends. *left* is what an earlier run has left in the store."""
    store = store or MemoryStore()
    clock = SteadyClock(NOW)
    entropy = SeededEntropy(1)
    actors = Actors(store)
    provider = Provider(deque(script))
    every = [Partition(number) for number in range(PARTITIONS)]
    acquired = await store.acquire(
        NodeId("n"), "run", every, now=NOW, window_seconds=30, lease_seconds=1e9
    )
    actors.fences = {one.fence.partition: one.fence for one in acquired}
    for user, waiting in (left or {}).items():
        await actors.commit(user, tuple(waiting))
    deliveries = actors.deliveries = Deliveries(
        {one.name: one for one in accounts or (account(),)},
        provider,
        store,
        actors,
        clock=clock,
        entropy=entropy,
        availability=Availability(clock),
        limit=limit,
    )
    if recovers:
        deliveries.recover(every)
    events: list[tuple[str, Mapping[str, float], Mapping[str, object]]] = []
    detach = telemetry.attach(lambda *event: events.append(event), list(telemetry.EVENTS))
    try:
        async with trio.open_nursery() as nursery:
            actors.nursery = nursery
            await nursery.start(deliveries.run)
            yield Office(deliveries, provider, actors, store, clock, events)
            nursery.cancel_scope.cancel()
    finally:
        detach()
