"""What requests of Telegram look like, for the OpenAPI document. Its own reference has the whole of it."""

from typing import Final

from sessiond.core.described import JSON, Body, Credential, Form
from sessiond.core.gateways.described import Operations, text_reply, with_signature
from sessiond.gateways.telegram.settings import TelegramSettings

__all__ = ["describe"]

_SECRET: Final = Credential(
    "telegramSecret",
    {
        "type": "apiKey",
        "in": "header",
        "name": "X-Telegram-Bot-Api-Secret-Token",
        "description": "What setWebhook was told.",
    },
)

_CHAT: Final = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "type": {
            "type": "string",
            "anyOf": [{"const": "private"}, {"description": "Operators are told of it."}],
        },
    },
    "required": ["id", "type"],
}

_UPDATE: Final = Form(
    "TelegramUpdate",
    {
        "type": "object",
        "description": "An id, and one field whose name says what happened.",
        "properties": {
            "update_id": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
            "message": {
                "type": "object",
                "properties": {
                    "message_id": {"type": "integer"},
                    "date": {"type": "integer"},
                    "chat": _CHAT,
                    "text": {"type": "string"},
                },
                "required": ["message_id", "date", "chat"],
            },
            "callback_query": {"type": "object"},
        },
        "required": ["update_id"],
        "minProperties": 2,
    },
)

_EXAMPLE: Final = {
    "update_id": 731,
    "message": {
        "message_id": 17,
        "date": 1739321024,
        "chat": {"id": 5512, "type": "private"},
        "text": "hi",
    },
}


def describe(_settings: TelegramSettings) -> Operations:
    """Describe the webhook of a bot."""
    webhook = with_signature(
        "Telegram: an update",
        Body({JSON: _UPDATE}, _EXAMPLE),
        _SECRET,
        says="Of what is no message and no tap operators are told.",
        acknowledged=text_reply("It is durable."),
    )
    return {"POST": webhook}
