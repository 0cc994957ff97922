"""SMS and WhatsApp through Twilio's Programmable Messaging: webhooks in, calls to the REST API out. Pure.

Numbers, limits and shapes are those of www.twilio.com/docs, by the names of its pages: "Messages resource", "Twilio's
request to your incoming message webhook URL", "Track outbound message status", "Secure webhooks".
"""

from typing import Final

from sessiond.core.gateways.port import GatewayKind
from sessiond.gateways.twilio.described import describe
from sessiond.gateways.twilio.gateway import Twilio
from sessiond.gateways.twilio.settings import TwilioSettings

__all__ = ["KIND", "Twilio", "TwilioSettings"]


KIND: Final = GatewayKind("twilio", TwilioSettings, Twilio, describe=describe)
