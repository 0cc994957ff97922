"""A cell: the registry's entry of one user, which outlives the actor tasks that run in it.

It holds what must survive a restart: the mailbox, the restart history, what was told from the inbox.
Who changes what: ``standing`` and ``incarnation`` the supervisor (the actor sets RUNNING once it has its state),
``actor``, ``is_attached`` and ``hibernated`` the actor, ``backlog`` and ``told_seq`` the intake.

Whoever tells a cell something gets it from ``Supervisor.activate`` in the same breath: that starts the actor of a user
who is not in memory, and wakes one that hibernates.
"""

from enum import StrEnum

from attrs import define, field, frozen

from sessiond.core.errors import Refused
from sessiond.core.ids import Partition, UserId, partition_of
from sessiond.core.session.inputs import Accepted
from sessiond.core.session.state import SessionState
from sessiond.runtime.mailbox import Mailbox
from sessiond.runtime.restart import RestartHistory

__all__ = ["Cell", "Hibernated", "Standing"]


class Standing(StrEnum):
    """How a user's actor is doing; about the runtime, not the session (that is ``Phase``)."""

    STARTING = "starting"
    RUNNING = "running"
    BACKING_OFF = "backing off"
    """It crashed and waits to be started again; the mailbox keeps filling."""
    QUARANTINED = "quarantined"
    """It crashed too often; nothing runs until an operator releases it."""
    HIBERNATED = "hibernated"
    """It has nothing to do: its state is kept here, without a task; what comes starts one that goes on from there."""
    STOPPING = "stopping"
    """Its end was decided; what comes now starts it again."""


@frozen(eq=False, repr=False, weakref_slot=False)
class Hibernated:
    """What an actor that hibernates leaves behind, to go on without the store: everything in it is durable."""

    state: SessionState
    version: int
    """Of the record."""
    account: object
    """As the app loaded it."""
    refusal: Refused | None
    turns_taken: int


@define(eq=False, repr=False, weakref_slot=False)
class Cell:
    """One user on this node. Compared by identity: a user who comes back later gets another one."""

    user: UserId
    mailbox: Mailbox = field(factory=Mailbox)
    standing: Standing = Standing.STARTING
    partition: Partition = field(init=False)
    last_active: float = 0.0
    """Monotonic; when somebody was last told something. Decides who leaves at the resident cap."""
    is_attached: bool = False
    """Has a connection, so the resident cap leaves it alone."""
    is_leaving: bool = False
    """Was asked to passivate and has not answered yet."""
    is_draining: bool = False
    """The node stops: what waits in the store stays there, and does not keep the actor from leaving."""
    backlog: int = 0
    """Accepted inputs that wait in the store because they could not be told; while not 0, later ones wait too."""
    backlog_marks: int = 0
    """Counts every time one was added, so that a refill can tell whether it has seen them all."""
    told_seq: int = 0
    """The highest ``InboxEntry.seq`` ever put into this mailbox: what comes after it was not told."""
    incarnation: int = 0
    """Raised at a crash and at a release from quarantine: what was told before may be lost (timers tell again)."""
    history: RestartHistory | None = None
    """``None`` until the first crash."""
    last_error: str = ""
    """The class name of the last crash."""
    quarantined_at: float = 0.0
    """Wall clock; when the last quarantine began."""
    actor: object | None = None
    """The running actor once it has its state, for introspection only."""
    hibernated: Hibernated | None = None
    """What the actor goes on from; the next one takes it."""

    def __attrs_post_init__(self) -> None:
        self.partition = partition_of(self.user)

    @property
    def restarts(self) -> int:
        """Crashes so far, since the last release from quarantine."""
        return 0 if self.history is None else self.history.crashes

    @property
    def is_quiet(self) -> bool:
        """Whether nothing waits for the actor, in the mailbox or (unless draining) in the store."""
        return not self.mailbox and (self.is_draining or not self.backlog)

    def hold_back(self) -> None:
        """Note that an accepted input stays in the store for now."""
        self.backlog += 1
        self.backlog_marks += 1

    def rewind(self) -> None:
        """Begin another incarnation after a crash: the store tells again what was told and no commit consumed.

        Accepted inputs leave the mailbox; reading them again restores their order, also of those the actor had taken.
        """
        self.incarnation += 1
        self.hibernated = None
        told = [one for one in self.mailbox.snapshot() if isinstance(one.item, Accepted)]
        self.mailbox.remove(told)
        if self.told_seq:
            self.told_seq = 0
            self.hold_back()
