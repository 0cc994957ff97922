"""WhatsApp through Meta's Cloud API: webhooks in, calls to the Graph API out. Pure.

Numbers, limits and shapes are those of Meta's "WhatsApp Business Platform" documentation, Cloud API, 2025 to 2026.
"""

from typing import Final

from sessiond.core.gateways.port import GatewayKind
from sessiond.gateways.whatsapp.described import describe
from sessiond.gateways.whatsapp.gateway import MAX_BODY, WhatsApp
from sessiond.gateways.whatsapp.settings import WhatsAppSettings

__all__ = ["KIND", "WhatsApp", "WhatsAppSettings"]


KIND: Final = GatewayKind(
    "whatsapp", WhatsAppSettings, WhatsApp, body_bytes=MAX_BODY, describe=describe
)
