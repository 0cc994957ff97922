"""The session of flows: it lives in core/flows/flow_session.py, because flows read and write it."""

from sessiond.core.flows.flow_session import (
    DataKey,
    FlowSession,
    FlowSessionLimits,
    SessionRecord,
    decode_record,
    encode_record,
)

__all__ = [
    "DataKey",
    "FlowSession",
    "FlowSessionLimits",
    "SessionRecord",
    "decode_record",
    "encode_record",
]
