"""The flows of an app: registered by name, each with what starts it."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from attrs import evolve

from sessiond.core.conversations.book import FlowBook
from sessiond.core.conversations.journal import JournalSettings
from sessiond.core.conversations.routing import Route, RoutingSettings
from sessiond.core.conversations.session_keys import OwnIdentifier, SessionKeySettings
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.flow import Busy, Flow, FlowLimits, OnMismatch
from sessiond.core.flows.flow_session import FlowSessionLimits
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.flows.translations import NO_TRANSLATIONS, Translations

__all__ = ["FlowFunction", "FlowRegistry"]

FlowFunction = Callable[[Conversation], Coroutine[Any, Any, object]]
OnExpire = str | Callable[[Mapping[str, object]], str | None]


class FlowRegistry:
    """What ``App.flow`` and ``App.add_flow`` fill; *texts* and *translations* go to flows without their own."""

    def __init__(
        self,
        *,
        routing: RoutingSettings | None = None,
        texts: FlowTexts | None = None,
        translations: Translations | None = None,
        own_identifier: OwnIdentifier | None = None,
    ) -> None:
        self.flows: dict[str, Flow] = {}
        self.routes: list[Route] = []
        self.routing = routing or RoutingSettings()
        self.own_identifier = own_identifier
        self.texts = texts or FlowTexts()
        self.translations = translations or NO_TRANSLATIONS

    def flow(
        self,
        name: str,
        *,
        starts_on: Iterable[str] = (),
        patterns: Iterable[str] = (),
        takes_everything: bool = False,
        platforms: Iterable[str] = (),
        gateways: Iterable[str] = (),
        interrupts: bool = False,
        formerly: Iterable[str] = (),
        on_mismatch: OnMismatch = OnMismatch.RESTART,
        on_expire: OnExpire | None = None,
        busy: Busy = Busy.SAY,
        question_after_error: bool = True,
        texts: FlowTexts | None = None,
        limits: FlowLimits | None = None,
    ) -> Callable[[FlowFunction], FlowFunction]:
        """Register an async function of one ``Conversation``, which awaits nothing else, as the flow *name*.

        *starts_on* are words and *patterns* regular expressions that start it (with neither it is started by name);
        *takes_everything*: whatever nothing else claims does. On *platforms* and *gateways* only, where named. With
        *interrupts* its words start it while another flow runs. *formerly*: the names under which older records know
        it. The rest is ``Flow``'s.

        Raises:
          InvalidInput: there is a flow of this name, or what starts it cannot be.

        """

        def register(function: FlowFunction) -> FlowFunction:
            flow = Flow(
                name=name,
                function=function,
                formerly=_listed(formerly),
                on_mismatch=on_mismatch,
                on_expire=on_expire,
                busy=busy,
                question_after_error=question_after_error,
                texts=texts or self.texts,
                translations=self.translations,
                limits=limits or FlowLimits(),
            )
            self.add_flow(
                flow,
                starts_on=starts_on,
                patterns=patterns,
                takes_everything=takes_everything,
                platforms=platforms,
                gateways=gateways,
                interrupts=interrupts,
            )
            return function

        return register

    def add_flow(
        self,
        flow: Flow,
        *,
        starts_on: Iterable[str] = (),
        patterns: Iterable[str] = (),
        takes_everything: bool = False,
        platforms: Iterable[str] = (),
        gateways: Iterable[str] = (),
        interrupts: bool = False,
    ) -> Flow:
        """Register a flow that was made already, such as a list of steps (``flow_of_steps``); see ``flow``.

        Raises:
          InvalidInput: as ``flow``.

        """
        taken = {known for one in self.flows.values() for known in (one.name, *one.formerly)}
        for known in (flow.name, *flow.formerly):
            if known in taken:
                raise InvalidInput(f"there is a flow {known!r} already")
        route = None
        starts_on, patterns = _listed(starts_on), _listed(patterns)
        if starts_on or patterns or takes_everything:
            route = Route(
                flow=flow.name,
                words=starts_on,
                patterns=patterns,
                takes_everything=takes_everything,
                platforms=_listed(platforms),
                gateways=_listed(gateways),
                interrupts=interrupts,
            )
        if flow.translations is NO_TRANSLATIONS:
            flow = evolve(flow, translations=self.translations)
        self.flows[flow.name] = flow
        if route is not None:
            self.routes.append(route)
        return flow

    def book(
        self,
        keys: SessionKeySettings,
        sessions: FlowSessionLimits | None = None,
        journal: JournalSettings | None = None,
        calling: frozenset[str] = frozenset(),
    ) -> FlowBook | None:
        """Bring the flows and the server's settings together; ``None``: there are no flows.

        *calling*: the accounts that we can speak first on.

        Raises:
          InvalidInput: two flows claim the same, or the session keys cannot be made.

        """
        if not self.flows:
            return None
        return FlowBook(
            self.flows,
            self.routes,
            routing=self.routing,
            keys=keys,
            own_identifier=self.own_identifier,
            sessions=sessions or FlowSessionLimits(),
            journal=journal or JournalSettings(),
            calling=calling,
        )


def _listed(names: Iterable[str]) -> tuple[str, ...]:
    """Make a tuple; a text would be taken apart into its letters.

    Raises:
      InvalidInput: it is one text.

    """
    if isinstance(names, str):
        raise InvalidInput(f"a list is needed, not the text {names!r}")
    return tuple(names)
