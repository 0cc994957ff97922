"""Telegram through its Bot API: updates in by webhook, calls out. Pure.

Numbers, limits and shapes are those of core.telegram.org/bots/api ("Telegram Bot API"), by the names of its sections.
"""

from typing import Final

from sessiond.core.gateways.port import GatewayKind
from sessiond.gateways.telegram.described import describe
from sessiond.gateways.telegram.gateway import Telegram
from sessiond.gateways.telegram.settings import TelegramSettings

__all__ = ["KIND", "Telegram", "TelegramSettings"]


KIND: Final = GatewayKind("telegram", TelegramSettings, Telegram, describe=describe)
