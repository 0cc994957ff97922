"""Odd answers, long texts and providers that fail, on the whole server and on every kind of gateway."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import trio

from sessiond import App, Conversation
from sessiond.config.load import load_settings
from sessiond.net.messages import Response
from sessiond.testing.providers import (
    Exchange,
    Provider,
    ProviderCalled,
    answer,
    garbage,
    half,
    open_provider,
    reset,
    slow,
)
from sessiond.testing.providers import Response as Played
from tests.edges.http.gateway_kinds import (
    HOST,
    KINDS,
    NALO,
    NSANO,
    PROGRAM,
    TALKING,
    TELEGRAM,
    TWILIO,
    WHATSAPP,
    Kind,
)
from tests.scenarios.hooks import request
from tests.scenarios.live import Live, open_live

CALLING = KINDS[:3]
LONG = " ".join(f"word{number}" for number in range(640))[:5000]


def desk() -> App:
    """An app that asks for odd things."""
    app = App()

    @app.flow("desk", takes_everything=True)
    async def ask(c: Conversation) -> None:
        what = await c.ask("what", "What?")
        if what == "pay":
            await c.say(f"Got {await c.ask('amount', 'How much?')}.")
        elif what == "many":
            options = {f"k{number}": f"Option number {number}" for number in range(1, 12)}
            await c.say(f"Got {await c.select('one', 'Which?', options)}.")
        elif what == "twins":
            await c.say(f"Got {await c.select('who', 'Who?', {'a': 'Ama', 'b': 'Ama'})}.")
        else:
            await c.say(LONG)

    return app


@asynccontextmanager
async def serving(folder: Path, api_url: str, **common: Any) -> AsyncIterator[Live]:
    """A server with an account of every kind, named like it."""
    lines = ["[session_keys]", 'secret = "what openssl rand -base64 32 prints"']
    for kind in KINDS:
        settings = {"gateway": kind.name, "public_url": f"http://{HOST}", **kind.given, **common}
        if kind.is_calling:
            settings["api_url"] = api_url
        lines.append(f"[gateways.{kind.name}]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    file = folder / "sessiond.toml"
    file.write_text("\n".join(lines))
    loaded = load_settings(files=[file], environment={})
    async with open_live(
        desk(), folder, gateways=loaded.gateways, session_keys=loaded.session_keys
    ) as live:
        yield live


def said(call: ProviderCalled) -> str:
    """The text of a message that a provider was given."""
    if TWILIO in whose(call):
        return parse_qs(call.body.decode())["Body"][0]
    told = call.json
    if TELEGRAM in whose(call):
        return str(told["text"])
    shown = told["text"] if told["type"] == "text" else told["interactive"]["body"]
    return str(shown.get("body") or shown["text"])


def whose(call: ProviderCalled) -> list[Kind]:
    """The gateway that makes such calls."""
    paths = {WHATSAPP: "/1/messages", TELEGRAM: "/sendMessage", TWILIO: "/Messages.json"}
    return [kind for kind, path in paths.items() if call.target.endswith(path)]


class Person:
    """Somebody who talks on an account of *kind*; nobody else has the number."""

    def __init__(self, kind: Kind, live: Live, provider: Provider) -> None:
        self.kind = kind
        self.live = live
        self.provider = provider
        self.phone = f"23324412340{KINDS.index(kind)}"
        self.session = 0
        self.typed: list[str] = []
        self.seen = self.written = 0

    async def begin(self) -> str:
        """Dial, or write first."""
        self.session += 1
        self.typed = []
        is_line = not self.kind.is_calling and self.kind is not PROGRAM
        return await self.say("" if is_line else "hi")

    async def say(self, text: str, calls: int = 1) -> str:
        """Write, or type; what is shown then, in so many *calls* of a chat's provider."""
        response = await self.send(text)
        if self.kind.is_calling:
            return "".join(await self.read(calls))
        return self.kind.read(response)

    async def send(self, text: str) -> Response:
        """Write, or type."""
        if self.kind is TALKING:
            self.typed += [text] if text else []
            text = "*".join(self.typed)
        self.written += 1
        number = self.written if self.kind.is_calling else self.session
        asked = self.kind.said(text, self.phone, number, f"/gateways/{self.kind.name}")
        headers = {name: value for name, value in asked.headers if name != "host"}
        status, _, body = await request(self.live.port, "POST", asked.target, asked.body, headers)
        assert status == 200
        return Response(status, (), body)

    async def read(self, count: int) -> list[str]:
        """Wait for *count* more messages."""
        while len(mine := [one for one in self.provider.calls if self.kind in whose(one)]) < (
            self.seen + count
        ):
            await self.provider.wait_calls(len(self.provider.calls) + 1)
        told = [said(one) for one in mine[self.seen : self.seen + count]]
        self.seen += count
        return told


@asynccontextmanager
async def people(folder: Path, *kinds: Kind) -> AsyncIterator[list[Person]]:
    """Somebody on each of *kinds*, and a provider that takes everything."""
    async with open_provider() as provider, serving(folder, provider.url) as live:
        yield [Person(kind, live, provider) for kind in kinds]


@pytest.mark.parametrize("amount", ["0", "#", "00"])
async def test_0_and_hash_as_answers(tmp_path: Path, amount: str) -> None:
    """Where no page can be turned they are answers, as any other."""
    async with people(tmp_path, *KINDS) as everybody:
        for person in everybody:
            assert "What?" == await person.begin()
            assert "How much?" == await person.say("pay")
            assert f"Got {amount}." == await person.say(amount), person.kind


async def test_eleven_choices(tmp_path: Path) -> None:
    """One more than a list of WhatsApp's has, and than a page of a phone: all can be seen, and the last be picked."""
    async with people(tmp_path, *KINDS) as everybody:
        for person in everybody:
            await person.begin()
            shown = await person.say("many")
            assert shown.startswith("Which?"), person.kind
            if person.kind in (NALO, NSANO, TALKING):
                assert shown.endswith("\n\n# More")
                assert "0 Back" in await person.say("#")
            elif person.kind in (WHATSAPP, TWILIO):
                assert shown.endswith("\n10. Option number 10\n11. Option number 11")
            picked = await person.say("k11" if person.kind is PROGRAM else "11")
            assert picked == "Got k11.", person.kind


async def test_two_equal_titles(tmp_path: Path) -> None:
    """The title picks neither, and the question is asked again; the number does, the key where there are no numbers."""
    async with people(tmp_path, *KINDS) as everybody:
        for person in everybody:
            await person.begin()
            await person.say("twins")
            assert "Who?" in await person.say("Ama"), person.kind
            assert "Got b." == await person.say("b" if person.kind is PROGRAM else "2"), person.kind


async def test_a_message_of_5000_characters_comes_in(tmp_path: Path) -> None:
    """More than a flow takes: it says so, and asks again. No phone can type it: that dial ends."""
    async with people(tmp_path, *KINDS) as everybody:
        for person in everybody:
            await person.begin()
            shown = await person.say("y" * 5000)
            if person.kind in (NALO, NSANO):
                assert "not available" in shown
                assert "What?" == await person.begin()
            else:
                assert "at most 4096 characters" in shown, person.kind
            assert "How much?" == await person.say("pay"), person.kind


async def test_a_message_of_5000_characters_goes_out(tmp_path: Path) -> None:
    """In as many messages or pages as it takes, none of it lost, none longer than what is accepted."""
    longest = {WHATSAPP: (4096, 2), TELEGRAM: (4096, 2), TWILIO: (1600, 4)}
    async with people(tmp_path, *KINDS) as everybody:
        for person in everybody:
            await person.begin()
            if person.kind.is_calling:
                limit, count = longest[person.kind]
                await person.send("tell")
                parts = await person.read(count)
                assert max(map(len, parts)) <= limit
            elif person.kind is PROGRAM:
                parts = [await person.say("tell")]
            else:
                parts = [await _pages(person)]
            assert LONG.split() == " ".join(parts).split(), person.kind


async def _pages(person: Person) -> str:
    """Turn pages until there is no next one; the text of all."""
    limit = {NALO: 120, NSANO: 140, TALKING: 160}[person.kind]
    page, text = await person.say("tell"), ""
    while True:
        assert len(page) <= limit
        text += page.replace("\n# More", "").replace("\n0 Back", "")
        if "# More" not in page:
            return text
        page = await person.say("#")


async def test_a_body_of_10_megabytes(tmp_path: Path) -> None:
    """413 as soon as it is announced, by whomever, for every account."""
    async with people(tmp_path, *KINDS) as everybody:
        for person in everybody:
            asked = person.kind.said(path=f"/gateways/{person.kind}")
            told = [f"{name}: {value}" for name, value in asked.headers]
            head = [f"POST {asked.target} HTTP/1.1", *told, "content-length: 10485760", "", ""]
            answered = await person.live.send_bytes("\r\n".join(head).encode())
            assert answered.startswith(b"HTTP/1.1 413 "), person.kind


async def test_nothing_leaks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No secret, number or word is in logs and metrics, whoever calls, whatever is sent, whatever providers answer."""
    async with people(tmp_path, *KINDS) as everybody:
        for person in everybody:
            await person.begin()
            path = f"/gateways/{person.kind}"
            wrong = person.kind.sealed(b'{"hunter2":', path=path)
            for asked in (*person.kind.strangers(person.kind.said("hunter2", path=path)), wrong):
                headers = {name: value for name, value in asked.headers if name != "host"}
                target, port = asked.target, person.live.port
                status, _, body = await request(port, "POST", target, asked.body, headers)
                assert status in {200, 400, 401, 403}
                assert b"hunter2" not in body
            await person.send("hunter2")
        metrics = (await everybody[0].live.get("/metrics"))[2].decode()
    logged = capsys.readouterr().err

    assert "gateway.refused" in logged
    secrets = [one for kind in KINDS for name in kind.secrets for one in _texts(kind.given[name])]
    for secret in (*secrets, "hunter2", "24412340", "openssl"):
        assert secret not in logged, secret
        assert secret not in metrics, secret


async def test_wrong_types_and_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything in any place: no fault of ours, no dead letter, and the person goes on as before."""
    async with people(tmp_path, *KINDS) as everybody:
        live = everybody[0].live
        for person in everybody:
            every = person.kind.spoiled("hello", f"/gateways/{person.kind}")
            for asked in islice(every, 0, None, 5):  # the door's own test has all of them
                headers = {name: value for name, value in asked.headers if name != "host"}
                got = await request(live.port, "POST", asked.target, asked.body, headers)
                assert got[0] in {200, 400, 403, 413}, asked.body
        for person in everybody:
            assert "What?" == await person.begin()
        rows = (await live.admin("sessions.list", limit=1000))["rows"]
        dead = (await live.admin("dead_letters.list"))["rows"]
    levels = {json.loads(line)["level"] for line in capsys.readouterr().err.splitlines()}

    assert {"awake"} == {row["phase"] for row in rows}
    assert [] == dead
    assert "error" not in levels


def _texts(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


# ------------------------------------------------------------------------------- the provider


FAULTS = {
    "500": answer(500),
    "429": answer(429, {}, headers={"retry-after": "0"}),
    "half a response": half(),
    "half a head": garbage(b"HTTP/1.1 2"),
    "no HTTP": garbage(),
    "reset": reset(),
    "slow": slow(trio.Event()),
}


def once_each(fault: Played, then: Played) -> Played:
    """Do *fault* about the first call of each gateway."""
    seen = set()

    async def respond(exchange: Exchange) -> None:
        (kind,) = whose(exchange.call)
        is_first = kind not in seen
        seen.add(kind)
        await (fault if is_first else then)(exchange)

    return respond


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_provider_that_fails(tmp_path: Path, fault: str) -> None:
    """500, 429, half a response, slow: each message is sent until the provider has it, and the next one follows."""
    async with open_provider() as provider:
        provider.otherwise = once_each(FAULTS[fault], provider.otherwise)
        seconds = 3 if fault == "slow" else 15
        async with serving(tmp_path, provider.url, call_seconds=seconds) as live:
            everybody = [Person(kind, live, provider) for kind in CALLING]
            for person in everybody:
                await person.send("hi")
            for person in everybody:
                assert ["What?", "What?"] == await person.read(2), person.kind
                assert "How much?" == await person.say("pay")


async def all_are_held(live: Live) -> bool:
    rows = {row["account"]: row for row in (await live.admin("gateways.list"))["rows"]}
    return all(rows[kind.name]["held_until"] for kind in CALLING)


async def test_a_provider_that_is_down(tmp_path: Path) -> None:
    """What people wrote was acknowledged; when the provider is there again, they are answered."""
    async with open_provider() as provider:
        url, port = provider.url, provider.port
    async with serving(tmp_path, url) as live:
        everybody = [Person(kind, live, provider) for kind in CALLING]
        for person in everybody:
            await person.send("hi")
        while not await all_are_held(live):
            pass  # each was called, and nobody was there
        async with open_provider(port=port) as provider:
            for person in everybody:
                person.provider = provider
                assert ["What?"] == await person.read(1), person.kind
                assert "How much?" == await person.say("pay")
