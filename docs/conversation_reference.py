"""The reference page of conversations, made from the docstrings of what authors of flows write against."""

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterator
from enum import Enum

from sessiond import (
    App,
    Attachment,
    AttachmentKind,
    Busy,
    Contact,
    Conversation,
    FlowLimits,
    FlowTexts,
    InvalidAnswer,
    Layout,
    Location,
    Media,
    OnMismatch,
    Option,
    Retries,
    RoutingSettings,
    RunFailed,
    Step,
    StepMessage,
    StepType,
    flow_of_steps,
)
from sessiond.core.conversations.journal_events import ALIASES, JournalEvent, JournalStatus
from sessiond.core.conversations.stored import StoredConversation
from sessiond.core.documented import attribute_docs
from sessiond.core.flows import faults
from sessiond.core.flows.record import RECORD_VERSION, Record
from sessiond.core.flows.recorded_session import RecordedSession
from sessiond.demo import app as demo
from sessiond.testing.conversations import play

__all__ = ["conversation", "journal", "record"]

#: Defaults that have a private name in the code.
_DEFAULTS = {"_RETRIES": "Retries()", "_IMAGE": "('image',)"}

_RUN_FAILED = "By `await c.run`: the function has failed for good. *kind* is its exception's class, *message* the text."

_QUESTIONS = ("ask", "select", "confirm", "attachment", "location", "contact")
_OTHERS = ("say", "run", "go_back", "restart", "end")
_FACTS = (
    "now",
    "random",
    "id",
    "run_id",
    "user_id",
    "started_by",
    "matched",
    "platform",
    "gateway",
    "profile",
)
_LINKS = ("offer_link", "redeem_link", "unlink")
_LANGUAGES = ("language", "use_language", "t", "nt")
_SESSION = ("get", "set", "delete", "clear", "destroy", "exists", "names")
_FAULTS = (
    faults.ForeignAwait,
    faults.ForgottenAwait,
    faults.RepeatedKey,
    faults.NotStorable,
    faults.FlowLoops,
    faults.FlowMismatch,
    faults.FlowGone,
)


def conversation() -> str:
    """Everything that a flow can do, and what can be said about it."""
    return f"""# The conversation

What a flow is given as `c`, and what is said about a flow where it is registered. How to use it: [](../howto/flows.md).
What waits is written with `await`; every key is used once in a run of the flow.

## Questions

{_members(Conversation, _QUESTIONS, "await c.")}
## Everything else that is awaited

{_members(Conversation, _OTHERS, "await c.")}
## What is known

Not awaited. What is *recorded* is the same whenever the flow is rebuilt.

{_members(Conversation, _FACTS, "c.")}
## Links with other users

Not awaited; what they give is recorded, and what they ask for is part of the turn. How to use them:
[](../howto/link-identities.md).

{_members(Conversation, _LINKS, "c.")}
## Languages

{_members(Conversation, _LANGUAGES, "c.")}
## What is remembered: `c.session`

Not awaited. A key is a text or a `DataKey(name, type)`; `key in c.session` tells whether there is a value.

{_members(RecordedSession, _SESSION, "c.session.")}
## Registering a flow

{_member(App.flow, "@app.flow")}
{_member(App.add_flow, "app.add_flow")}
{_member(flow_of_steps, "flow_of_steps")}
{_enum(Busy)}
{_enum(OnMismatch)}
{_values(FlowLimits)}
{_values(FlowTexts)}
{_values(RoutingSettings)}
## Values

{_values(Option)}
{_enum(Layout)}
{_values(Media)}
{_values(Attachment)}
{_enum(AttachmentKind)}
{_values(Location)}
{_values(Contact)}
{_values(Retries)}
{_values(Step)}
{_values(StepMessage)}
{_enum(StepType)}
## What is raised

{_raised(InvalidAnswer, "By `parse`, `check` and `transform`, with the sentence that the person reads.")}
{_raised(RunFailed, _RUN_FAILED)}
A flow that breaks a rule fails: `FlowFailed`, with the file and line of its code. The person reads `FlowTexts.failed`,
the record stays as it was. The kinds of it:

{_table(("", "Meaning"), ((f"`{kind.__name__}`", _summary(kind)) for kind in _FAULTS))}"""


def journal() -> str:
    """The events of the journal, and their other names."""
    docs = attribute_docs(JournalEvent)
    others: dict[str, list[str]] = {}
    for alias, event in ALIASES.items():
        others.setdefault(event.value, []).append(f"`{alias}`")
    rows = (
        (f"`{one}`", docs[one.name], ", ".join(others.get(one.value, ()))) for one in JournalEvent
    )
    statuses = ", ".join(f"`{one}`" for one in JournalStatus)
    return f"""# Events of the journal

What `sessionctl journal` and `session.journal` tell: [](../howto/flow-journal.md). Statuses: {statuses}.
The other names are those of FlowChat and of the Flow Framework; a query may use them.

{_table(("Event", "Meaning", "Other names"), rows)}"""


#: Fields that say in their names what they are, for those who do not read the code.
_PLAIN = {
    "touched_at": "When it last changed.",
    "expires_at": "When it ends, if nothing changes before.",
    "channel": "`platform`, `gateway` and, masked, `member`: the way of the last input.",
    "version": "Of the record; a newer one than the server knows is refused, never overwritten.",
    "flow": "The flow's name, now or formerly.",
    "entries": "What the flow was told, in order: `[kind, key, value]`.",
    "waiting": "What it waits on: `[kind, key]`. Absent: it has something to go on with, such as a result.",
    "record": "Of the flow that runs; see below.",
    "session": "What flows remember; see below.",
    "kept": "Answers to questions that the code asks elsewhere now; each is used when its question comes.",
    "platform": "Where it was started.",
    "gateway": "The gateway it was started through.",
}


def record() -> str:
    """What is stored of a conversation."""
    with play(demo, gateway="websocket", user="ama-mensah", phone="") as phone:
        for text in ("hi", "large", "3"):
            phone.say(text)
        ((key, raw),) = phone.line.stored.items()
    return f"""# What is stored of a conversation

For whoever looks into a store, writes a tool, or changes flows. A user's snapshot holds `conversations`: by
[session key](../howto/flow-session-keys.md), one JSON object for each. In a store it is part of a sealed snapshot;
`sessionctl export` shows it. This is the demo's order, waiting for its last answer:

```text
{key}
```

```json
{_example(json.loads(raw))}
```

## Around the record

Times are in seconds since the Unix epoch. What has its default is left out.

{_stored(StoredConversation)}
`session` is what `c.session` remembers: `values` by key, `created_at`, `expires_at`, `language`. It stays when the
flow ends.

## The record

Version {RECORD_VERSION}.

{_stored(Record)}
## Kinds of entries

| Kind | Key | Value |
| --- | --- | --- |
| `ask`, `select`, `confirm`, `attachment`, `location`, `contact` | of the question | the answer, as it was parsed |
| `run` | of the run | what the function returned |
| `run_failed` | of the run | `[kind, message]` of the exception |
| `now`, `random`, `id` | | what `c.now()`, `c.random()`, `c.id()` gave |
| `language` | | the tag that `c.use_language` was given |
| `link_offer`, `link_redeem`, `link_part` | | what `c.offer_link()`, `c.redeem_link()`, `c.unlink()` gave |
| `session` | in `c.session` | `[value]`, as `get` read it; `[]`: there was none |
| `session_has`, `session_exists`, `session_names` | in `c.session` | what `in`, `exists()`, `names()` told |

Texts that are shown are not stored: the code says them again. How a flow is rebuilt from this: [](../conversations.md).

A *place* in a conversation is `<id>:<attempt>:<number of entries>`. It is the screen that a tap names, and the `run_id`
of a function.
"""


def _example(stored: dict[str, object]) -> str:
    """Write JSON with each entry on a line."""
    text = json.dumps(stored, indent=2, ensure_ascii=False)
    return re.sub(r"\[\s+([^\[\]]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text)


def _stored(cls: type) -> str:
    docs = attribute_docs(cls)
    rows = ((f"`{name}`", _PLAIN.get(name) or docs.get(name, "")) for name, _ in _fields(cls))
    return _table(("Field", "Meaning"), (row for row in rows if row[0] != "`PRIVATE`"))


def _members(cls: type, names: tuple[str, ...], prefix: str) -> str:
    return "\n".join(_member(inspect.getattr_static(cls, name), prefix + name) for name in names)


def _member(member: object, name: str) -> str:
    title = name.removeprefix("await ")
    if isinstance(member, property):
        return f"### `{title}`\n\n{_prose(member.fget)}\n"
    assert inspect.isfunction(member)
    call = f"{name}({_parameters(member)})"
    call = textwrap.fill(call, 90, subsequent_indent="    ", break_long_words=False)
    return f"### `{title}`\n\n```python\n{call}\n```\n\n{_prose(member)}\n"


def _parameters(function: Callable[..., object]) -> str:
    """Write the parameters without their types."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    (definition,) = tree.body
    assert isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef)
    arguments = definition.args
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        one.annotation = None
    for rest in (arguments.vararg, arguments.kwarg):
        if rest is not None:
            rest.annotation = None
    if arguments.args and arguments.args[0].arg == "self":
        del arguments.args[0]
    if arguments.posonlyargs and arguments.posonlyargs[0].arg == "self":
        del arguments.posonlyargs[0]
    text = ast.unparse(arguments)
    for private, public in _DEFAULTS.items():
        text = text.replace(private, public)
    return text.replace(", /", "").replace("/, ", "")


def _prose(documented: object) -> str:
    """Write a docstring as Markdown."""
    text = inspect.getdoc(documented) or ""
    text = re.sub(r"; see core/\S+\.py", "", text)
    text = text.replace(
        "; see the top of this module.", ": [lists of steps](../howto/flow-steps.md)."
    )
    main, *raised = re.split(r"\n(?=Raises[^\n]*:\n)", text.replace("``", "`"))
    parts = [main.strip()]
    for block in raised:
        head, _, body = block.partition("\n")
        items = re.split(r"\n(?=\S)", textwrap.dedent(body).strip())
        lines = "\n".join(
            re.sub(r"^(\w+(?:, \w+)*):", r"- `\1`:", " ".join(item.split())) for item in items
        )
        parts.append(f"{head}\n\n{lines}")
    return "\n\n".join(parts)


def _summary(cls: type) -> str:
    return (inspect.getdoc(cls) or "").replace("``", "`").split("\n\n", maxsplit=1)[0]


def _raised(cls: type, when: str) -> str:
    return f"### `{cls.__name__}`\n\n{when}\n"


def _values(cls: type) -> str:
    docs = attribute_docs(cls)
    head = ("Field", "Default", "Meaning")
    rows = [(f"`{name}`", default, docs.get(name, "")) for name, default in _fields(cls)]
    return f"### `{cls.__name__}`\n\n{_prose(cls)}\n\n{_short_table(head, rows)}"


def _fields(cls: type) -> Iterator[tuple[str, str]]:
    """List the fields with their defaults, as the code has them."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    (definition,) = tree.body
    assert isinstance(definition, ast.ClassDef)
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, _default(node.value)


def _default(value: ast.expr | None) -> str:
    if isinstance(value, ast.Call):
        named = {one.arg: one.value for one in value.keywords}
        value = named.get("default")
        if "factory" in named:
            return f"`{ast.unparse(named['factory'])}()`"
    return "" if value is None else f"`{ast.unparse(value)}`"


def _enum(cls: type[Enum]) -> str:
    docs = attribute_docs(cls)
    head = ("Name", "Value", "Meaning")
    rows = [(f"`{one.name}`", f"`{one.value}`", docs.get(one.name, "")) for one in cls]
    return f"### `{cls.__name__}`\n\n{_prose(cls)}\n\n{_short_table(head, rows)}"


def _short_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Make a table, without the last column when nothing is in it."""
    width = len(head) - (not any(row[-1] for row in rows))
    return _table(head[:width], (row[:width] for row in rows))


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    cells = [head, tuple("---" for _ in head), *rows]
    return "".join(
        "| "
        + " | ".join(" ".join(cell.split()).replace("``", "`").replace("|", "\\|") for cell in row)
        + " |\n"
        for row in cells
    )
