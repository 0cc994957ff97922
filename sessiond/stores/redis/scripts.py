"""The Lua scripts, named and hashed; their text is in ``lua/``, with the arguments described at the top of each."""

import hashlib
from importlib.resources import files
from typing import Final

from attrs import frozen

from sessiond.stores.redis.client import Argument, Call

__all__ = [
    "ACCEPT",
    "ACQUIRE",
    "ATTEMPT",
    "COMMIT",
    "DELIVERIES",
    "DROP_DEAD_LETTER",
    "DUE",
    "END_LEASE",
    "FRAMES",
    "LOAD",
    "PENDING",
    "RELEASE",
    "RENEW",
    "Script",
]


@frozen
class Script:
    """A script that is called by the SHA-1 of its text."""

    text: str
    digest: str

    def call(self, *keys: str, args: tuple[Argument, ...] = ()) -> Call:
        """Call it with *keys*, all of one hash tag; the first one routes it."""
        return Call(keys[0], ("EVALSHA", self.digest, len(keys), *keys, *args), script=self.text)


def _script(name: str) -> Script:
    text = (files(__package__) / "lua" / f"{name}.lua").read_text(encoding="utf-8")
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


COMMIT: Final = _script("commit")
ACCEPT: Final = _script("accept")
ATTEMPT: Final = _script("attempt")
ACQUIRE: Final = _script("acquire")
RENEW: Final = _script("renew")
END_LEASE: Final = _script("end_lease")
RELEASE: Final = _script("release")
LOAD: Final = _script("load")
FRAMES: Final = _script("frames")
PENDING: Final = _script("pending")
DUE: Final = _script("due")
DELIVERIES: Final = _script("deliveries")
DROP_DEAD_LETTER: Final = _script("drop_dead_letter")
