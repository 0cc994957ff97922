"""Phones before a real server: requests as Nalo, Nsano and Africa's Talking make them; each can be sent again."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from attrs import define, field

from sessiond import App, Conversation
from sessiond.config.load import load_settings
from tests.scenarios.hooks import request

__all__ = ["KINDS", "TOKEN", "Shown", "SomePhone", "accounts_of", "greeter", "of_kinds"]

TOKEN = "a-token-of-enough-length"

#: What a phone shows: the text, and whether the provider's session goes on.
Shown = tuple[str, bool]

KINDS = ("nalo", "nsano", "africastalking")


def greeter() -> App:
    """An app whose every screen is another one, and whose answers are told at the end."""
    app = App()

    @app.flow("greet", takes_everything=True)
    async def greet(c: Conversation) -> None:
        await c.say("Welcome.")
        first = await c.ask("first", "First?")
        second = await c.ask("second", "Second?")
        third = await c.ask("third", "Third?")
        await c.say(f"{first}, {second}, {third}.")

    return app


def accounts_of(folder: Path, session_keys: str = "", **settings: Any) -> dict[str, Any]:
    """Settings with an account of each kind, named like it; *settings* are everybody's."""
    lines = ["[session_keys]", 'secret = "what openssl rand -base64 32 prints"', session_keys]
    for kind in KINDS:
        given = {"gateway": kind, "tokens": [TOKEN], **settings}
        lines.append(f"[gateways.{kind}]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in given.items()]
    file = folder / "dialling.toml"
    file.write_text("\n".join(lines))
    loaded = load_settings(files=[file], environment={})
    return {"gateways": loaded.gateways, "session_keys": loaded.session_keys}


@define
class SomePhone:
    """A phone at one of the gateways. What it sent last can be sent again, by ``again``."""

    kind: str
    port: int
    number: str = "233244123456"
    account: str = ""
    """Named like the kind, unless it is said."""
    session: str = ""
    dials: int = 0
    typed: list[str] = field(factory=list)
    sent: list[tuple[bytes, str]] = field(factory=list)

    async def dial(self, session: str = "") -> Shown:
        """Dial the code: a new session of the provider, unless its id is given."""
        self.dials += 1
        self.session, self.typed = session or f"{self.number}-{self.dials}", []
        return await self._say("*920*44#" if self.kind == "nalo" else "", begins=True)

    async def press(self, text: str) -> Shown:
        """Answer what the phone shows."""
        self.typed.append(text)
        return await self._say(text, begins=False)

    async def again(self, at: int = -1) -> Shown:
        """What the provider is answered who sends a request again, the last one or the one at this place."""
        return await self._send(*self.sent[at])

    async def _say(self, text: str, *, begins: bool) -> Shown:
        fields: dict[str, Any]
        media_type = "application/json"
        if self.kind == "nalo":
            fields = {"USERID": "U", "MSISDN": self.number, "USERDATA": text, "MSGTYPE": begins}
            body = json.dumps(fields | {"SESSIONID": self.session})
        elif self.kind == "nsano":
            fields = {"network": "MTN", "msisdn": self.number, "msg": text}
            body = json.dumps(fields | {"UserSessionID": self.session})
        else:
            fields = {"sessionId": self.session, "phoneNumber": f"+{self.number}"}
            body = urlencode(fields | {"text": "*".join(self.typed)})
            media_type = "application/x-www-form-urlencoded"
        self.sent.append((body.encode(), media_type))
        return await self._send(*self.sent[-1])

    async def _send(self, body: bytes, media_type: str) -> Shown:
        path = f"/gateways/{self.account or self.kind}?token={TOKEN}"
        got = await request(self.port, "POST", path, body, {"content-type": media_type})
        assert 200 == got[0], got
        return self._read(got[2])

    def _read(self, body: bytes) -> Shown:
        if self.kind == "africastalking":
            verb, _, text = body.decode().partition(" ")
            return text, verb == "CON"
        told = json.loads(body)
        if self.kind == "nalo":
            return told["MSG"], told["MSGTYPE"]
        return told["USSDResp"]["title"], told["USSDResp"]["action"] == "input"


def of_kinds(port: int, number: str = "233244123456") -> list[SomePhone]:
    """A phone at each gateway, each with a number of its own."""
    return [SomePhone(kind, port, f"{number[:-1]}{at}") for at, kind in enumerate(KINDS)]
