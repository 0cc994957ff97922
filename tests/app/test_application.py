"""``App``: what may be registered, what is an error at once, and what happens without a handler."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from trio.testing import MockClock

from sessiond import App, Attachment, AttachmentKind, Download, InvalidInput, Session
from sessiond.app.application import HookSpec
from sessiond.core.errors import AppFailed
from sessiond.core.session.program import CallKind
from sessiond.testing.world import open_world


async def handler(session: Session) -> None:
    """Do nothing."""


def test_hooks_are_listed_for_the_door() -> None:
    """``json`` is there from the start; each has its own way to answer and its own time."""
    app = App(timeout=7)
    app.on_webhook("pay", wait=True)(handler)
    app.on_webhook("slow_one-2", timeout=60)(handler)

    assert app.hooks == {
        "json": HookSpec("json", False, 7),
        "pay": HookSpec("pay", True, 7),
        "slow_one-2": HookSpec("slow_one-2", False, 60),
    }


@pytest.mark.parametrize("name", ["", "Upper", "a/b", "a b", "ü", "x" * 49, "a\n"])
def test_a_webhook_name_fits_into_a_url_and_a_scope(name: str) -> None:
    """1 to 48 of a-z, 0-9, _ and -."""
    with pytest.raises(InvalidInput):
        App().on_webhook(name)
    App().on_webhook("x" * 48)(handler)


@pytest.mark.parametrize("name", ["", "phx_join", "ack", "token:x", "presence_state", "$window"])
def test_reserved_names_are_refused_at_registration(name: str) -> None:
    """Handlers and timers cannot take the protocol's names."""
    with pytest.raises(InvalidInput):
        App().on(name)
    with pytest.raises(InvalidInput):
        App().on_timer(name)


def test_a_second_handler_is_a_mistake() -> None:
    """Two modules that handle the same event: which one would be meant?"""
    app = App()
    app.on("a")(handler)
    app.on_timer("a")(handler)
    with pytest.raises(InvalidInput, match="has a handler already"):
        app.on("a")(handler)
    app.on_start(handler)
    with pytest.raises(InvalidInput):
        app.on_start(handler)


def test_what_cannot_be_called_is_refused() -> None:
    """A plain function, too many parameters, an unknown durability."""
    app = App()

    def plain(session: Session) -> None:
        """Forget to await."""

    async def greedy(session: Session, payload: object, more: object) -> None:
        """Want more than there is."""

    with pytest.raises(InvalidInput, match="async"):
        app.on("plain")(plain)
    with pytest.raises(InvalidInput, match="takes"):
        app.on("greedy")(greedy)
    with pytest.raises(InvalidInput, match="durability"):
        app.on("x", durability="sometimes")  # type: ignore[arg-type]
    assert app.handlers == {}


def test_time_outs_are_the_handlers_or_the_apps() -> None:
    """A handler's own time wins; what has no handler gets the app's."""
    app = App(timeout=3)
    app.on("a")(handler)
    app.on("b", timeout=1)(handler)

    assert app.timeout(CallKind.EVENT, "a") == app.timeout(CallKind.IDLE, "") == 3
    assert app.timeout(CallKind.EVENT, "b") == 1


async def test_without_a_handler_a_json_webhook_is_pushed(autojump_clock: MockClock) -> None:
    """Its ``type`` names the event, unless it is missing or reserved; what is no object is wrapped."""
    async with open_world(App()) as world:
        phone = await world.join("ann")
        for body in ({"type": "paid", "n": 1}, {"n": 2}, {"type": "phx_close"}, {"type": 3}, [4]):
            await world.webhook("ann", body)
        await world.settle()

        assert [(event, dict(payload)) for event, payload in phone.pushes] == [
            ("paid", {"_offset": 1, "type": "paid", "n": 1}),
            ("webhook", {"_offset": 2, "n": 2}),
            ("webhook", {"_offset": 3, "type": "phx_close"}),
            ("webhook", {"_offset": 4, "type": 3}),
            ("webhook", {"_offset": 5, "data": [4]}),
        ]


async def test_without_a_handler_an_event_is_unknown(autojump_clock: MockClock) -> None:
    """The client is told; nothing else happens."""
    async with open_world(App()) as world:
        phone = await world.join("ann")

        assert await phone.send("nonsense").refusal() == "unknown_event"


async def test_the_end_hook_is_told_the_reason(autojump_clock: MockClock) -> None:
    """With or without wanting to know."""
    app, reasons = App(), []

    @app.on("end")
    async def end(session: Session) -> None:
        session.end("bored")

    @app.on_end
    async def ended(session: Session, reason: str) -> None:
        reasons.append(reason)

    async with open_world(app) as world:
        await (await world.join("ann")).push("end")

    assert reasons == ["bored"]


class Kept:
    """What a provider has: each file says its id."""

    @asynccontextmanager
    async def open(self, attachment: Attachment) -> AsyncIterator[Download]:
        async def chunks() -> AsyncIterator[bytes]:
            yield attachment.id.encode()

        yield Download(chunks(), attachment.mime_type, None)


async def test_what_a_person_sent_is_fetched_by_the_server_that_runs_the_app() -> None:
    """Without one there is nobody to fetch it."""
    app, photo = App(), Attachment(kind=AttachmentKind.IMAGE, id="275", account="shop")
    with pytest.raises(AppFailed, match="none runs this app"):
        app.download(photo)
    app.downloads = Kept()
    async with app.download(photo) as file:
        assert b"275" == await file.read()
