"""What a flow shows: messages and prompts, as values that each gateway renders in its own way.

A **screen** is one showing of one question. Its id goes out with the prompt and comes back with a tap, so that a
button of an older screen is never taken for an answer to the one that is shown now. Numbers run from 1 in the order
of the choices, on every screen.
"""

from collections.abc import Callable
from enum import StrEnum
from math import inf
from typing import Any

from attrs import field, frozen
from msgspec.structs import force_setattr

from sessiond.core.errors import InvalidInput
from sessiond.core.values import Value

__all__ = [
    "AttachmentKind",
    "Choice",
    "End",
    "Layout",
    "Media",
    "Message",
    "Option",
    "Output",
    "Prompt",
    "PromptKind",
    "Retries",
    "RunRequest",
]


class PromptKind(StrEnum):
    """What kind of answer is waited for."""

    TEXT = "text"
    CHOICE = "choice"
    CONFIRM = "confirm"
    ATTACHMENT = "attachment"
    LOCATION = "location"
    CONTACT = "contact"


class AttachmentKind(StrEnum):
    """Kinds of media, inbound and outbound."""

    IMAGE = "image"
    DOCUMENT = "document"
    AUDIO = "audio"
    VIDEO = "video"
    STICKER = "sticker"


class Layout(StrEnum):
    """How the author wants choices shown, where a gateway has both."""

    AUTO = "auto"
    BUTTONS = "buttons"
    LIST = "list"


class End(StrEnum):
    """How a conversation ended."""

    RETURNED = "returned"
    """The flow returned."""
    ENDED = "ended"
    """It called ``c.end``."""
    EXPIRED = "expired"


@frozen
class Option:
    """A choice as the author writes it when a label is not enough."""

    label: str
    description: str = ""


class Choice(Value, frozen=True, omit_defaults=True):
    """One thing that can be picked; *number* counts from 1 on its screen."""

    key: str
    label: str
    number: int
    description: str = ""


class Media(Value, frozen=True, kw_only=True, omit_defaults=True):
    """An attachment to send: by *url*, by the gateway's own *id*, or from a file at *path*.

    A file is uploaded where the gateway takes uploads, and has to be there until then; elsewhere *url* stands for it.
    *mime_type* is that of the file, where its name does not say it; *filename* is for documents.

    Raises:
      InvalidInput: there is no such kind; or the path does not begin with ``/``: what it is relative to may be another
        directory tomorrow.

    """

    PRIVATE = frozenset({"url", "id", "filename", "path"})

    kind: AttachmentKind = AttachmentKind.IMAGE
    url: str = ""
    id: str = ""
    filename: str = ""
    path: str = ""
    mime_type: str = ""

    def __post_init__(self) -> None:
        """Take a kind by its word; refuse a path that means nothing for certain."""
        try:
            force_setattr(self, "kind", AttachmentKind(self.kind))
        except ValueError:
            kinds = ", ".join(AttachmentKind)
            raise InvalidInput(f"the kind of media is one of {kinds}") from None
        if self.path and not str(self.path).startswith("/"):
            raise InvalidInput("the path of media begins with /")


class Message(Value, frozen=True, omit_defaults=True):
    """Something said, which needs no answer."""

    PRIVATE = frozenset({"text"})

    text: str
    media: Media | None = None


class Prompt(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A question as it is shown. *error* says why the answer before was not taken."""

    PRIVATE = frozenset({"text", "choices", "error", "media"})

    kind: PromptKind
    key: str
    screen: str
    text: str
    choices: tuple[Choice, ...] = ()
    error: str = ""
    repeats: bool = True
    """With an error: whether the question is shown again after it, or the error alone."""
    media: Media | None = None
    accepts: tuple[AttachmentKind, ...] = ()
    layout: Layout = Layout.AUTO

    @property
    def body(self) -> str:
        """What is shown: the question; with an error, the error and (``repeats``) a blank line and the question."""
        if not self.error:
            return self.text
        return f"{self.error}\n\n{self.text}" if self.repeats else self.error


@frozen(kw_only=True)
class Retries:
    """How often a function of ``c.run`` is tried, and how long is waited between attempts (doubling, with jitter)."""

    attempts: int = 3
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 30.0
    timeout_seconds: float = 30.0
    """Of one attempt."""

    def __attrs_post_init__(self) -> None:
        """Refuse what would never call, or wait backwards.

        Raises:
          InvalidInput: no attempts, or a time that is not positive.

        """
        waits = (self.first_wait_seconds, self.longest_wait_seconds, self.timeout_seconds)
        if self.attempts < 1 or not all(0 < seconds < inf for seconds in waits):
            raise InvalidInput("retries need at least one attempt, and times above 0 seconds")


@frozen
class RunRequest:
    """A function to call once the turn that asked for it is durable; its result is an input of its own.

    At least once: after a crash it is called again with the same *run_id*.
    """

    key: str
    run_id: str
    function: Callable[..., Any] = field(repr=False)
    args: tuple[Any, ...] = field(repr=False)
    retries: Retries
    as_type: Any = None


class Output(Value, frozen=True, kw_only=True, gc=True):
    """What one turn of a flow shows and asks for. At most one of *prompt*, *run* and *end* is set."""

    PRIVATE = frozenset({"messages", "result"})

    messages: tuple[Message, ...] = ()
    prompt: Prompt | None = None
    run: RunRequest | None = None
    end: End | None = None
    result: bytes | None = None
    """JSON of what the flow returned, when that was not ``None``."""
    rejected: bool = False
    """The answer was not taken: the prompt is the same question again."""
    restarted: bool = False
    """The code no longer fitted the record, and the conversation began anew or went on elsewhere."""

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can be answered any more."""
        return self.end is not None
