"""Conversations that the documentation shows, played again as they stand there.

A block with the caption ``<file>, played`` is a conversation with the app in the block ``<file>`` of the same page:
``> `` is what a person says; what follows, indented, is shown. ``# the server is killed …`` kills it and starts it
again; with ``<file>, then <file>`` as caption, ``# version 2 …`` starts it again with the other app.
"""

import re
from collections.abc import Iterator
from textwrap import indent
from types import ModuleType

from attrs import frozen

from sessiond import App
from sessiond.stores.memory import MemoryStore
from sessiond.testing.world import Connection, World, open_world
from sessiond_client import Shown
from tests.docs.pages import DOCS, captioned

__all__ = ["Played", "load", "played", "replay"]

_PLAYED = re.compile(
    r"^```\{code-block\} text\n:caption: (?P<name>\S+), (played|then (?P<then>\S+))\n\n(?P<lines>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


@frozen
class Played:
    """One conversation of a page."""

    page: str
    name: str
    then: str
    lines: str

    def __str__(self) -> str:
        return f"{self.page}: {self.name}: {self.lines.splitlines()[0]}"


def played() -> Iterator[Played]:
    """Find every conversation in the documentation."""
    for path in sorted(DOCS.rglob("*.md")):
        page = str(path.relative_to(DOCS))
        for found in _PLAYED.finditer(path.read_text()):
            yield Played(page, found["name"], found["then"] or "", found["lines"])


def load(page: str, name: str) -> ModuleType:
    """Run the file *name* of *page* as a module."""
    module = ModuleType(name.removesuffix(".py"))
    exec(compile(captioned(page, name), name, "exec"), module.__dict__)
    return module


async def replay(one: Played) -> str:
    """Say what the person says there; returns what it looks like now."""
    store, seen = MemoryStore(), []
    parts = re.split(r"^(?=# )", one.lines, flags=re.MULTILINE)
    for number, part in enumerate(parts):
        app = load(one.page, one.then if number and one.then else one.name).app
        assert isinstance(app, App)
        async with open_world(app, store=store) as world:
            phone = await world.join("ada")
            for line in part.splitlines():
                if line.startswith("# "):
                    seen.append(line)
                elif line.startswith("> "):
                    seen += [line, *await _shown(world, phone, line.removeprefix("> "))]
            world.crash()
    return "\n".join(seen) + "\n"


async def _shown(world: World, phone: Connection, text: str) -> list[str]:
    """Say *text*; give what is shown at once, and what functions of the flow have brought."""
    before = len(phone.pushes)
    parts = [await phone.say(text)]
    await world.settle()
    parts += [payload for event, payload in phone.pushes[before:] if event == "flow:output"]
    return [indent(text, "  ") for part in parts if (text := Shown.read(part).text)]
