"""What people say to flows, and their numbers, are in no journal, no telemetry and no log."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from sessiond import App, Conversation, telemetry
from sessiond.core.flows.faults import InvalidAnswer, RunFailed
from sessiond.core.flows.prompts import Retries
from sessiond.core.ids import UserId, partition_of
from sessiond.observability.logs import LogSettings, open_logs
from sessiond.testing.world import World, open_world

USER = "ama-mensah"

#: One number as people, gateways and clipboards write it.
SPELLINGS = (
    "+233244123456",
    "233244123456",
    "00233244123456",
    "0244123456",
    "+233 24 412 3456",
    "+233-24-412-3456",
    "+233 (24) 412-3456",
    "tel:+233244123456",
    "whatsapp:+233244123456",
    "offer_233244123456",
)


def fail_with(said: str) -> str:
    raise LookupError(said)


def give_up_with(said: str) -> str:
    raise RunFailed(said, said)


def refuse(said: str) -> None:
    raise InvalidAnswer(said)


def app_of(fault: str) -> App:
    """Make an app whose flow does everything with what it is told, and then fails with it."""
    app = App()
    once = Retries(attempts=1)

    def check(said: str) -> None:
        if fault == "check":
            fail_with(said)
        if fault == "refuse":
            refuse(said)

    def parse(said: str) -> str:
        return fail_with(said) if fault == "parse" else said

    def transform(said: str) -> str:
        return fail_with(said) if fault == "transform" else said

    def expire(answers: Mapping[str, Any]) -> str:
        return fail_with(answers["what"]) if fault == "expire" else "It is over."

    @app.flow("talk", takes_everything=True, on_expire=expire)
    async def talk(c: Conversation) -> None:
        said = await c.ask("what", "What?", parse=parse, check=check, transform=transform)
        c.session.set("said", said)
        await c.say(f"You said {said}.")
        await c.select("which", f"{said}?", {said: said, "other": "Other"})
        await go_wrong(c, said)
        await c.ask("more", f"More of {said}?")

    async def go_wrong(c: Conversation, said: str) -> None:
        match fault:
            case "raise":
                raise LookupError(said) from KeyError(said)
            case "group":
                raise ExceptionGroup(said, [ValueError(said)])
            case "invalid":
                refuse(said)
            case "foreign":
                await trio.sleep(1)
            case "value":
                c.session.set("said", {said, 1})
            case "type":
                c.session.set("said", float(said))
            case "run":
                await c.run("look", fail_with, said, retries=once)
            case "given up":
                await c.run("look", give_up_with, said)
            case "caught":
                with pytest.raises(RunFailed):
                    await c.run("look", fail_with, said, retries=once)
            case "result":
                await c.run("look", lambda: {said, 1})
            case _:
                pass

    return app


FAULTS = (
    "none", "check", "refuse", "parse", "transform", "expire", "raise", "group", "invalid", "foreign", "value",
    "type", "run", "given up", "caught", "result",
)  # fmt: skip


class Overheard:
    """Everything that leaves the server but what the person is shown."""

    def __init__(self) -> None:
        self.log = io.StringIO()
        self.events: list[str] = []
        self.journal: tuple[bytes, ...] = ()

    def __call__(
        self, name: str, numbers: Mapping[str, float], about: Mapping[str, object]
    ) -> None:
        self.events.append(f"{name} {dict(numbers)} {dict(about)}")

    @property
    def everything(self) -> str:
        return "\n".join([self.log.getvalue(), *self.events, *map(repr, self.journal)])


async def converse(world: World, said: str) -> None:
    """Say it in every way there is, in two lives of the node, until the conversation expires."""
    phone = await world.join(USER)
    contact = {"name": said, "phones": [said]}
    location = {"latitude": 1.0, "longitude": 2.0, "name": said}
    parts: list[dict[str, Any]] = [
        {"text": "talk"},
        {"text": said},
        {"choice": said},
        {"text": said},
        {"contact": contact},
        {"location": location},
        {"attachment": {"kind": "image", "url": f"https://example.org/{said}", "caption": said}},
        {"text": "menu"},
        {"text": said},
    ]
    for number, part in enumerate(parts):
        if number == 3:
            world.crash()
            await world.restart()
            phone = await world.join(USER)
        await phone.push("flow:say", part)
        await world.settle()
    world.clock.jump(8 * 86400)
    await trio.sleep(60)


def overheard(fault: str, said: str) -> Overheard:
    """Run the whole conversation, listening at every wall."""
    heard = Overheard()

    async def main() -> None:
        async with open_world(app_of(fault)) as world:
            await converse(world, said)
            user = UserId(USER)
            heard.journal = await world.store.journal(user, partition_of(user), limit=1000)

    detach = telemetry.attach(heard)
    close = open_logs(LogSettings(level="debug"), stream=heard.log)
    try:
        trio.run(main, clock=MockClock(autojump_threshold=0))
    finally:
        close()
        detach()
    return heard


@pytest.mark.parametrize("fault", FAULTS)
@settings(max_examples=4)
@given(said=st.text("bcdfghjklmnpqrstvwxz", min_size=10, max_size=40))
def test_nothing_that_was_said_leaks(fault: str, said: str) -> None:
    """Whatever a flow does with it: ask, remember, show, hand to functions, fail with it."""
    heard = overheard(fault, said)

    assert said not in heard.everything
    assert b"message.received" in b"".join(heard.journal)
    assert any(event.startswith("message.received ") for event in heard.events)


@pytest.mark.parametrize("fault", ["none", "raise", "run"])
@pytest.mark.parametrize("number", SPELLINGS)
def test_no_number_leaks(fault: str, number: str) -> None:
    """However it is written."""
    heard = overheard(fault, number)

    assert number not in heard.everything
    assert "244123456" not in re.sub(r"[\s().-]", "", heard.everything)


def test_a_failure_is_one_line_for_its_author() -> None:
    """At the level error: the flow, the file and line, the user as a hash; the traceback begins in the flow's code."""
    heard = overheard("raise", "said")
    lines = [json.loads(line) for line in heard.log.getvalue().splitlines()]
    failed = [event for event in heard.events if event.startswith("flow.failed ")]
    told = [line for line in lines if "failed" in line["event"]]

    assert len(told) == len(failed) == 2
    line = told[0]
    assert (line["level"], line["logger"], line["flow"]) == ("error", "sessiond.app", "talk")
    assert re.fullmatch("[0-9a-f]{16}", line["user_hash"])
    assert re.fullmatch(
        r"flow failed: .*test_flow_secrecy.py:\d+: the flow raised LookupError", line["event"]
    )
    assert line["exception"].endswith("LookupError")
    assert "sessiond/runtime" not in line["exception"]


def test_a_function_that_fails_is_one_line_for_its_author() -> None:
    """With the flow and the key of the run; a flow that expects the failure has none itself."""
    heard = overheard("caught", "said")
    lines = [json.loads(line) for line in heard.log.getvalue().splitlines()]
    (line,) = [line for line in lines if "failed" in line["event"]]

    assert line["event"] == "run 'look' failed: LookupError"
    assert (line["level"], line["flow"], line["run"]) == ("error", "talk", "look")
    assert re.fullmatch("[0-9a-f]{16}", line["user_hash"])
    assert line["exception"].endswith("LookupError")
