"""``token:refresh``: a client that stays longer than its token lasts sends a new one."""

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import Refused
from sessiond.core.wire.json_v2 import encode_json, ok_reply
from sessiond.edges.websocket.channel import Carrier

__all__ = ["renew"]


async def renew(
    connection: Carrier,
    address: tuple[str | None, str | None, str],
    token: str,
    expires_at: float | None,
) -> float | None:
    """Verify *token* and answer the client; return when the connection's identity expires now.

    That is *expires_at*, as before, when the token is refused or somebody else's.
    """
    try:
        identity = await connection.context.authenticate(token)
    except Refused as refused:
        connection.refuse(address, refused.code, refused.message)
        return expires_at
    if identity.user != connection.user:
        connection.refuse(address, ErrorCode.FORBIDDEN, "this token is somebody else's")
        return expires_at
    join_ref, ref, topic = address
    if ref is not None:
        refs = encode_json(join_ref), encode_json(ref), encode_json(topic)
        connection.send(ok_reply(*refs, encode_json({"expires_at": identity.expires_at})))
    return identity.expires_at
