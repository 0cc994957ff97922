"""``kill -9`` in the middle of conversations: no answer is lost, no question asked twice, no effect doubled."""

import random
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import trio
from attrs import define, field
from trio_websocket import ConnectionClosed, HandshakeError
from typing_extensions import override

from tests.redis_server import RedisServers
from tests.scenarios.client import StubbornClient
from tests.scenarios.flow_crash_server import ITEMS
from tests.scenarios.server_process import ServerProcess

KILLS = 12
USERS = 20

_AWAY = (ConnectionClosed, HandshakeError, OSError, trio.BrokenResourceError, trio.TooSlowError)


@define
class Customer(StubbornClient):
    """A client that talks to the flow, and writes down what it was shown and what it has answered."""

    outputs: list[dict[str, Any]] = field(factory=list)
    """Every push of the conversation, as it came."""
    answered: list[str] = field(factory=list)
    results: list[dict[str, str]] = field(factory=list)
    rounds: int = 0

    async def tell(self, event: str, payload: dict[str, Any], input_id: str) -> Any:
        """Say it until it is acknowledged."""
        while True:
            with suppress(*_AWAY):
                return await self.push(event, {**payload, "_id": f"{self.user}-{input_id}"})
            await trio.sleep(0.02)

    async def order(self) -> None:
        """Go through one conversation."""
        self.rounds += 1
        shown = await self.tell("flow:start", {"flow": "order"}, f"{self.rounds}")
        for number in range(ITEMS):
            assert f"item{number}" == shown["prompt"]["key"]
            item = f"{self.user}-{self.rounds}-{number}"
            seen = len(self.outputs)
            reply = await self.tell("flow:say", {"text": item}, f"{self.rounds}-{number}")
            assert reply.get("pending"), reply
            self.answered.append(item)
            await self.wait_output(seen)
            shown = self.outputs[seen]
        assert "returned" == shown["end"]
        self.results.append(shown["result"])

    async def wait_output(self, seen: int) -> None:
        """Wait until more than *seen* pushes have come, over however many connections."""
        while len(self.outputs) == seen:
            with suppress(*_AWAY), trio.fail_after(5):
                await self.take_one()
                continue
            await self.close()
            await trio.sleep(0.02)

    @override
    def _take(self, event: str, payload: dict[str, Any]) -> None:
        assert "flow:output" == event
        self.offset += 1
        assert self.offset == payload["_offset"], "a push was lost or doubled"
        self.outputs.append(payload)


async def run_crash_test(store: str, folder: Path, seed: int) -> None:
    """Let customers order while the server is killed again and again; then compare what happened."""
    rng = random.Random(seed)
    effects = folder / "effects.db"
    module = "tests.scenarios.flow_crash_server"
    server = ServerProcess(store, folder, module=module, arguments=[str(effects)])
    await server.start()
    async with trio.open_nursery() as sockets:
        customers = [
            Customer(f"user{number}", server.port, sockets, random.Random(seed + number))
            for number in range(USERS)
        ]
        enough = trio.Event()

        async def shop(customer: Customer) -> None:
            while not enough.is_set():
                await customer.order()

        with trio.fail_after(120):
            async with trio.open_nursery() as traffic:
                for customer in customers:
                    traffic.start_soon(shop, customer)
                for _ in range(KILLS):
                    await trio.sleep(rng.uniform(0.02, 0.6))
                    server.kill()
                    await server.start()
                enough.set()
        for customer in customers:
            await customer.close()
        sockets.cancel_scope.cancel()
    server.kill()
    compare(customers, effects)


def compare(customers: list[Customer], effects: Path) -> None:
    """Compare what customers were told with what was done."""
    with closing(sqlite3.connect(effects)) as db:
        calls = Counter(run_id for (run_id,) in db.execute("SELECT run_id FROM calls"))
        done = dict(db.execute("SELECT item, run_id FROM effects"))
        total = db.execute("SELECT count(*) FROM effects").fetchone()[0]

    for customer in customers:
        assert customer.rounds == len(customer.results)
        told = {item: run_id for result in customer.results for item, run_id in result.items()}
        assert sorted(customer.answered) == sorted(told), "an acknowledged answer was lost"
        assert told.items() <= done.items(), "what was promised was not done"
        prompts = [output["prompt"]["key"] for output in customer.outputs if "prompt" in output]
        assert [f"item{n}" for n in range(1, ITEMS)] * customer.rounds == prompts
        assert all(join["recovered"] for join in customer.joins[1:])
        assert len(customer.joins) > KILLS // 3, "the kills did not reach this client"
    assert total == len(done) == sum(len(customer.answered) for customer in customers)
    assert set(done.values()) == set(calls), (
        "each function was called, and none that nobody asked for"
    )
    assert any(count > 1 for count in calls.values()), "the kills cut off no function"


async def test_conversations_survive_kills_on_sqlite(short_tmp_path: Path) -> None:
    """Twenty people in the middle of a conversation, twelve SIGKILLs, SQLite."""
    await run_crash_test(f"sqlite:///{short_tmp_path}/crash.db", short_tmp_path, seed=1)


async def test_conversations_survive_kills_on_redis(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """Twenty people in the middle of a conversation, twelve SIGKILLs, Redis."""
    redis = redis_servers.start(appendonly="yes", appendfsync="always")
    await run_crash_test(redis.url, short_tmp_path, seed=2)
