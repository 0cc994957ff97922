"""A backend that carries what people say to ``POST /chat``, and the server that answers it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from tests.scenarios.chat_server import EXAMPLES
from tests.scenarios.hooks import Answer, request
from tests.scenarios.server_process import ServerProcess

__all__ = ["AMA", "KOFI", "TOKEN", "Chat", "serving"]

TOKEN = "chat-test-token-0123456789"
AMA, KOFI = "+233244123456", "+233201111111"


@asynccontextmanager
async def serving(chat: "Chat") -> AsyncIterator["Chat"]:
    """Start the server; killed on the way out, at the latest after a minute."""
    await chat.server.start()
    try:
        with trio.fail_after(60):
            yield chat
    finally:
        if chat.server.is_running:
            chat.server.kill()


class Chat:
    """``sessiond serve`` on *store*, with the settings of the example; *chat_settings* is TOML for ``[chat]``."""

    def __init__(
        self, store: str, folder: Path, target: str = "chatterkeep:app", *, chat_settings: str = ""
    ) -> None:
        (folder / "chat-tokens").write_text(f"a-token-that-is-replaced\n{TOKEN}\n")
        (folder / "session-key").write_text("a session key of the chat tests")
        config = folder / "chatterkeep.toml"
        settings = (EXAMPLES / "chatterkeep.toml").read_text()
        config.write_text(settings.replace("[chat]\n", f"[chat]\n{chat_settings}"))
        self.server = ServerProcess(
            store,
            folder,
            module="tests.scenarios.chat_server",
            arguments=[target, str(config)],
        )

    @property
    def port(self) -> int:
        return self.server.port

    async def post(self, body: bytes, headers: dict[str, str] | None = None) -> Answer:
        """Post *body*, as JSON and with a token unless *headers* are given."""
        usual = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
        return await request(
            self.port, "POST", "/chat", body, usual if headers is None else headers
        )

    async def send(self, phone: object, text: object, key: str = "") -> tuple[int, Any]:
        """Post a message; status and document."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
        if key:
            headers["idempotency-key"] = key
        body = json.dumps({"user_phone": phone, "user_message": text}).encode()
        status, _, answer = await self.post(body, headers)
        return status, json.loads(answer)

    async def say(self, phone: str, text: str, key: str = "") -> str:
        """Post a message that must be answered; what the bot says."""
        status, document = await self.send(phone, text, key)
        assert (status, document.get("user_phone")) == (200, phone), (status, document)
        assert document.keys() == {"user_phone", "bot_message"}
        said: str = document["bot_message"]
        return said
