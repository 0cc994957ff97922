"""``sessiond flow run``: talk to flows in the terminal."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sessiond.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from sessiond.cli.flow.load_flows import LoadedFlows
    from sessiond.core.conversations.book import FlowBook

__all__ = ["run"]

_SECRET = "for one terminal, until it ends"


def run(
    target: Annotated[str, Parameter(name="MODULE:FLOW")],
    /,
    *,
    platform: str = "terminal",
    gateway: str = "terminal",
    phone: str = "+233200000000",
    user: str = "you",
    language: str = "",
) -> int:
    """Talk to flows in the terminal, without a server.

    What is typed is said; /help lists what else can be done: pictures, places, letting time pass. Functions of c.run
    are really called. Nothing is stored. From a script: one input a line; exit code 1 when a flow failed.

    Parameters
    ----------
    target
        The flows, like shop (its routing decides what starts), or one of them, like shop:order.
    platform
        What the flows are told the platform is: ussd counts the characters of its pages.
    gateway
        What they are told the gateway is; nalo, nsano and africastalking have pages of their own length, others are
        taken for the shortest.
    phone
        The phone number that talks.
    user
        The user's id.
    language
        What the phone says its language is, like fr.

    """
    from sessiond.cli.flow.load_flows import load_flows
    from sessiond.cli.flow.pages import page_of_kinds, pages_of_kinds
    from sessiond.cli.flow.talk import Talk, TerminalClock
    from sessiond.core.conversations.session_keys import ChannelFacts
    from sessiond.runtime.entropy import SystemEntropy
    from sessiond.testing.conversations.calls import Caller
    from sessiond.testing.conversations.line import Line

    loaded = load_flows(target)
    facts = ChannelFacts(
        platform=platform,
        gateway=gateway,
        host="localhost",
        path="/",
        request_id="dial-1",
        msisdn=phone,
        user_id=user,
    )
    line = Line(
        _book(loaded), facts, caller=Caller(), clock=TerminalClock(), entropy=SystemEntropy()
    )
    known = {page.gateway for page in pages_of_kinds()}
    page = page_of_kinds({gateway} & known)
    talk = Talk(line, page=page, flow=loaded.only, language=language)
    talk.begin()
    return ExitCode.REFUSED if talk.failures and not talk.is_terminal else ExitCode.OK


def _book(loaded: "LoadedFlows") -> "FlowBook":
    """Make the book of one conversation on whatever platform; one flow that was named takes everything."""
    from sessiond.core.conversations.book import FlowBook
    from sessiond.core.conversations.routing import Route
    from sessiond.core.conversations.session_keys import SessionKeySettings

    if loaded.only:
        routes = [Route(flow=loaded.only, takes_everything=True)]
    elif loaded.routes is not None:
        routes = list(loaded.routes)
    else:
        is_alone = len(loaded.flows) == 1
        routes = [
            Route(flow=name, words=(name,), takes_everything=is_alone) for name in loaded.flows
        ]
    keys = SessionKeySettings(boundaries=(), identifier="user_id", secret=_SECRET)
    return FlowBook(loaded.flows, routes, routing=loaded.routing, keys=keys)
