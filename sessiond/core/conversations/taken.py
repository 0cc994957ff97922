"""Taken: what one input did to a user's conversations."""

from collections.abc import Mapping

from sessiond.core.conversations.happenings import Happening
from sessiond.core.conversations.shown import encode_shown
from sessiond.core.flows.prompts import Output, RunRequest
from sessiond.core.linking import LinkRequest
from sessiond.core.values import Value

__all__ = ["Taken"]

_NOTHING_SHOWN = b"{}"


class Taken(Value, frozen=True, kw_only=True, gc=True):
    """What one input did. *stored*: what ``Snapshot.conversations`` is to be, the same object when nothing changed."""

    PRIVATE = frozenset({"stored", "journal"})

    stored: Mapping[str, bytes]
    key: str = ""
    expires_at: float | None = None
    """When the conversation *key* expires; ``None``: only what is stored tells."""
    flow: str = ""
    account: str = ""
    """Where the person was last heard: with an account that we can speak first on (``FlowBook.calling``) the output is
    to be delivered there, also when nobody waits."""
    output: Output | None = None
    """``None``: there is nothing to show."""
    run: RunRequest | None = None
    """The function to call once the turn is durable."""
    links: tuple[LinkRequest, ...] = ()
    """What the flow asks of links with other users."""
    waiting_text: str = ""
    """What to say when it takes longer than a door can wait."""
    is_push: bool = False
    """Nobody waits for the output, and it can be pushed to a connection."""
    busy: bool = False
    """The input was not taken: a function runs."""
    queued: bool = False
    """The input is kept until the function that runs has returned."""
    error: Exception | None = None
    """The flow failed; the person was told so, and the record is what it was."""
    journal: tuple[bytes, ...] = ()
    happenings: tuple[Happening, ...] = ()

    @property
    def shown(self) -> bytes:
        """The JSON document of what is shown."""
        if self.output is None:
            return _NOTHING_SHOWN
        return encode_shown(
            self.output,
            key=self.key,
            flow=self.flow,
            busy=self.busy,
            queued=self.queued,
            failed=self.error is not None,
        )
