"""sessiond: one supervised actor per live user, behind websocket, webhook and admin doors.

These are the names app authors write against; everything else may change between minor versions.
"""

__version__ = "0.1.0"

from sessiond.app import App, Durability, Reject, Session, Translations
from sessiond.core.conversations.routing import RoutingSettings
from sessiond.core.errors import InvalidInput, Refused, SessiondError
from sessiond.core.flows.answers import Attachment, Contact, Location
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.faults import InvalidAnswer, RunFailed
from sessiond.core.flows.flow import Busy, Flow, FlowLimits, OnMismatch
from sessiond.core.flows.flow_session import DataKey
from sessiond.core.flows.prompts import AttachmentKind, Layout, Media, Option, Retries
from sessiond.core.flows.steps import Step, StepMessage, StepType, flow_of_steps
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.gateways.media import Download, DownloadFailed, DownloadProblem
from sessiond.core.gateways.updates import DeliveryState, DeliveryUpdate
from sessiond.core.linking import LinkState, LinkUpdate

__all__ = [
    "App",
    "Attachment",
    "AttachmentKind",
    "Busy",
    "Contact",
    "Conversation",
    "DataKey",
    "DeliveryState",
    "DeliveryUpdate",
    "Download",
    "DownloadFailed",
    "DownloadProblem",
    "Durability",
    "Flow",
    "FlowLimits",
    "FlowTexts",
    "InvalidAnswer",
    "InvalidInput",
    "Layout",
    "LinkState",
    "LinkUpdate",
    "Location",
    "Media",
    "OnMismatch",
    "Option",
    "Refused",
    "Reject",
    "Retries",
    "RoutingSettings",
    "RunFailed",
    "Session",
    "SessiondError",
    "Step",
    "StepMessage",
    "StepType",
    "Translations",
    "__version__",
    "flow_of_steps",
]
