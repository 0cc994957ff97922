"""The book: everything an app and its settings say about conversations, checked once when the server starts."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from sessiond.core.conversations.journal import JournalSettings
from sessiond.core.conversations.routing import Route, RouteTable, RoutingSettings
from sessiond.core.conversations.session_keys import (
    Boundary,
    ChannelFacts,
    Identifier,
    KeyMode,
    OwnIdentifier,
    SessionKey,
    SessionKeys,
    SessionKeySettings,
)
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.faults import FlowGone
from sessiond.core.flows.flow import Flow, find_flow
from sessiond.core.flows.flow_session import FlowSessionLimits
from sessiond.core.ids import UserId
from sessiond.core.linking import CODE_USER

__all__ = ["FlowBook"]

_ROUTING: Final = RoutingSettings()
_SESSIONS: Final = FlowSessionLimits()
_JOURNAL: Final = JournalSettings()

#: Stands for a flow's name where only the rest of a key is wanted.
_ANY_FLOW: Final = "any"

#: Keys that are known again, two for each person who talks now: 0.5 µs instead of 9.7 *(measured)*.
_REMEMBERED: Final = 1024


class FlowBook:
    """The flows, what starts them, and how conversations are told apart.

    Raises:
      InvalidInput: a route names no flow, two routes claim the same, or the session keys cannot be made.

    """

    __slots__ = (
        "_key",
        "_keys",
        "_names_flow",
        "_parts",
        "calling",
        "flows",
        "journal",
        "phone_region",
        "routes",
        "sessions",
        "shown_after_end",
    )

    def __init__(
        self,
        flows: Mapping[str, Flow],
        routes: Iterable[Route],
        *,
        routing: RoutingSettings = _ROUTING,
        keys: SessionKeySettings,
        own_identifier: OwnIdentifier | None = None,
        sessions: FlowSessionLimits = _SESSIONS,
        journal: JournalSettings = _JOURNAL,
        calling: frozenset[str] = frozenset(),
    ) -> None:
        routes = tuple(routes)
        unknown = sorted({route.flow for route in routes} - flows.keys())
        if unknown:
            raise InvalidInput(f"there is no flow {unknown[0]!r} for its route to start")
        self.flows = dict(flows)
        self.routes = RouteTable(routes, routing)
        self.sessions = sessions
        self.journal = journal
        self.calling = calling
        """The accounts that we can speak first on: what nobody waits for leaves by a call to their provider."""
        self.shown_after_end = routing.after_end != "route"
        """Whether the end of a flow matters to the next input."""
        self._keys = SessionKeys(keys, own_identifier)
        make = self._keys.key
        # The inputs of one dial or chat come close together; what the app's own function says may change.
        self._key = lru_cache(_REMEMBERED)(make) if own_identifier is None else make
        self.phone_region = keys.phone_region
        """Of numbers in local form."""
        boundaries = set(keys.resolved().boundaries)
        self._names_flow = Boundary.FLOW in boundaries
        all_parts = frozenset(Boundary) if keys.mode == KeyMode.KEYED else boundaries
        self._parts = len(all_parts - {Boundary.FLOW})
        """How many parts are before the identifier; it may have ``:`` in it, in FlowChat's modes."""

    def find(self, name: str) -> Flow:
        """Find a flow by its name, or a former one.

        Raises:
          FlowGone: there is none.

        """
        flow = self.flows.get(name)
        return find_flow(self.flows.values(), name) if flow is None else flow

    def key(self, facts: ChannelFacts, flow: str) -> SessionKey:
        """Make the key of *flow*'s conversation with whoever *facts* tell of.

        Raises:
          InvalidInput: a fact that is needed is missing or malformed.

        """
        return self._key(_with_flow(facts, flow) if self._names_flow else facts)

    def way(self, facts: ChannelFacts) -> str:
        """Make what the keys of all conversations with whoever *facts* tell of have in common.

        Raises:
          InvalidInput: a fact that is needed is missing or malformed.

        """
        return self._way(self.key(facts, _ANY_FLOW))

    def matching(self, way: str, keys: Iterable[str]) -> list[str]:
        """List the conversations among *keys* that an input on this *way* may belong to, whatever their flows are."""
        return [key for key in keys if self._way(key) == way]

    def code_user(self, code: str) -> UserId:
        """Name the user that a code of linking is (core/linking.py).

        Raises:
          InvalidInput: session keys have no secret.

        """
        # Hashed like a request's id, but no such user is named so.
        return UserId(CODE_USER + self._keys.hashed(Identifier.REQUEST_ID, code))

    def tries_user(self, user: UserId) -> UserId:
        """Name the user that counts the codes that *user* types (core/linking.py).

        Raises:
          InvalidInput: session keys have no secret.

        """
        return self.code_user(f"tries:{user}")  # a code has digits alone

    def begins_with_dial(self, platform: str) -> bool:
        """Tell whether each dial on *platform* has keys of its own."""
        return self._keys.identifier_of(platform) == Identifier.REQUEST_ID

    def beside(self, facts: ChannelFacts, keys: Iterable[str]) -> list[str]:
        """List the conversations among *keys* that nothing but the dial separates from an input with *facts*.

        Whether a key is that of a dial cannot be seen: ``begins_with_dial`` tells it of the conversation's platform.

        Raises:
          InvalidInput: a fact that is needed is missing or malformed.

        """
        if not self.begins_with_dial(facts.platform):
            return []
        way = self.way(facts)
        line = self._line(way)
        ways = [(key, self._way(key)) for key in keys]
        return [key for key, other in ways if other != way and self._line(other) == line]

    def moved(self, key: str, facts: ChannelFacts) -> str:
        """Make the key that the conversation *key* has when it goes on with an input of *facts*.

        Raises:
          InvalidInput: a fact that is needed is missing or malformed.

        """
        flow, colon, _ = key.partition(":") if self._names_flow else ("", "", "")
        return f"{flow}{colon}{self.way(facts)}"

    def _line(self, way: str) -> list[str]:
        return way.split(":", self._parts)[: self._parts]

    def _way(self, key: str) -> str:
        return key.partition(":")[2] if self._names_flow else key

    def knows(self, name: str) -> bool:
        """Tell whether there is a flow of this name, now or formerly."""
        try:
            self.find(name)
        except FlowGone:
            return False
        return True


def _with_flow(facts: ChannelFacts, flow: str) -> ChannelFacts:
    return ChannelFacts(
        flow=flow,
        platform=facts.platform,
        gateway=facts.gateway,
        host=facts.host,
        path=facts.path,
        request_id=facts.request_id,
        msisdn=facts.msisdn,
        user_id=facts.user_id,
    )
