"""What can be typed in a talk with flows (sessiond/cli/flow/talk.py)."""

import io
import time

import pytest

from sessiond.cli.flow.talk import Talk, TerminalClock
from sessiond.core.conversations.book import FlowBook
from sessiond.core.conversations.routing import Route
from sessiond.core.conversations.session_keys import ChannelFacts, SessionKeySettings
from sessiond.core.flow_check.platforms import Page
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.flow import Flow
from sessiond.core.rendering.gsm import PageLimits
from sessiond.runtime.entropy import SeededEntropy
from sessiond.testing.conversations.calls import Caller
from sessiond.testing.conversations.line import Line


async def order(c: Conversation) -> None:
    size = await c.select("size", "What size?", {"s": "Small", "l": "Large"})
    photo = await c.attachment("photo", f"{size}. A photo?", ["image", "video"])
    place = await c.location("place", f"{photo.kind} {photo.url}. Where?")
    card = await c.contact("card", f"{place.latitude} {place.longitude}. Who?")
    await c.ask("more", f"{card.name} {card.phones} on {c.platform}. More?")


async def unclean(c: Conversation) -> None:
    try:
        await c.ask("x", "X?")
    finally:
        raise LookupError


FLOWS = {
    "order": Flow(name="order", function=order, on_expire="Gone."),
    "unclean": Flow(name="unclean", function=unclean),
}


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Script":
    return Script(monkeypatch, capsys)


class Script:
    """Plays lines, and gives what was printed after each of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.failures = 0

    def __call__(self, *lines: str, flow: str = "order", platform: str = "websocket") -> list[str]:
        self._monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{one}\n" for one in lines)))
        keys = SessionKeySettings(boundaries=(), identifier="user_id", secret="s" * 16)
        book = FlowBook(FLOWS, [Route(flow="order", takes_everything=True)], keys=keys)
        talk = Talk(
            Line(
                book,
                ChannelFacts(platform=platform, gateway="g", user_id="you", request_id="r"),
                caller=Caller(),
                clock=TerminalClock(),
                entropy=SeededEntropy(0),
            ),
            flow=flow,
            page=Page("g", PageLimits(140)),
        )
        talk.begin()
        self.failures = talk.failures
        out = self._capsys.readouterr().out
        return [part.partition("\n")[2] for part in ("\n" + out).split("\n> ")]


SIZES = "  What size?\n\n  1. Small\n  2. Large"


def test_everything_that_can_be_sent(talk: Script) -> None:
    """Taps, media, places and visiting cards."""
    assert [
        SIZES,
        "  l. A photo?",
        "  video u. Where?",
        "  5.5 -0.25. Who?",
        "  Kofi A. ('1', '2') on websocket. More?\n",
    ] == talk("/tap Large", "/video u", "/location 5.5 -0.25", '/contact "Kofi A." 1 2')


@pytest.mark.parametrize(
    ("line", "reads"),
    [
        ("/nix", "  -- /nix is unknown; /help lists what there is\n"),
        ("/", "  -- / is unknown; /help lists what there is\n"),
        ("/tap XL", "  -- there is no choice 'XL'\n"),
        ("/image", "  -- /image URL\n"),
        ("/location here", "  -- /location LAT LON\n"),
        ("/location a b", "  -- could not convert string to float: 'a'\n"),
        ("/contact", "  -- /contact NAME PHONE...\n"),
        ("/wait", "  -- how long? Like 30s, 5m, 2h, 3d\n"),
        ("/wait 2 parsecs", "  -- how long? Like 30s, 5m, 2h, 3d\n"),
        ("/platform", "  -- /platform NAME\n"),
        ('/tap "', "  -- No closing quotation\n"),
    ],
)
def test_what_cannot_be_done(talk: Script, line: str, reads: str) -> None:
    """It is said, and the talk goes on."""
    assert [SIZES, reads] == talk(line)


def test_a_line_that_begins_with_a_slash(talk: Script) -> None:
    """Two of them say one."""
    assert talk("//help")[1].startswith("  Invalid selection:")


def test_help(talk: Script) -> None:
    """Everything that can be typed is in it."""
    helped = talk("/help")[1]

    names = "restart back remind wait platform dial tap image location contact quit"
    assert not [name for name in names.split(" ") if f"/{name}" not in helped]


def test_taking_inputs_back(talk: Script) -> None:
    """One after the other, to before the beginning; the flow is where it was."""
    assert [
        SIZES,
        "  s. A photo?",
        SIZES,
        "  l. A photo?",
        SIZES,
        "  -- before the beginning",
        "  -- there is no input to take back",
        f"{SIZES}\n",
    ] == talk("s", "/back", "l", "/back", "/back", "/back", "x")


def test_rebuilding_and_reminding(talk: Script) -> None:
    """Both show the question again; a tap is still of this screen."""
    assert [SIZES, SIZES, SIZES, "  l. A photo?\n"] == talk("/restart", "/remind", "/tap 2")


def test_time_and_platform(talk: Script) -> None:
    """Time passes and what is due ends; another platform goes on with the same conversation."""
    assert [
        SIZES,
        f"{SIZES}\n  -- 29 of 140 characters",
        f"{SIZES}\n  -- 29 of 140 characters",
        "  s. A photo?\n  -- 11 of 140 characters",
        "",
        f"{SIZES}\n  -- 29 of 140 characters\n",
    ] == talk("/platform ussd", "/dial 5", "s", "/wait 7d 2h 1s", "hi")
    assert [SIZES, "  Gone.\n  -- the end\n"] == talk("/wait 8d")


def test_a_page_that_is_too_long(talk: Script) -> None:
    """It is counted as more than one."""
    reads = talk("s", "/image " + "u" * 150, platform="ussd")

    assert reads[-1].endswith("  -- 164 characters: more than one page of 140\n")


def test_a_flow_that_raises_while_it_is_put_away(talk: Script) -> None:
    """That is said at the end, and counts as a failure."""
    reads = talk("/quit", flow="unclean")

    assert ("test_talk.py" in reads[-1], 1) == (True, talk.failures)


def test_without_an_input(
    monkeypatch: pytest.MonkeyPatch, talk: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    """A closed standard input is one that has ended."""
    monkeypatch.setattr(io, "StringIO", lambda _text: None)

    assert [f"{SIZES}\n"] == talk()


def test_the_clock_of_a_terminal_goes_on() -> None:
    """Also after it was moved."""
    clock = TerminalClock()
    clock.move_to(time.time() + 100)

    assert 99 < clock.now() - time.time() < 101
    assert clock.monotonic() >= clock.now() - 1
