"""Outgoing messages as deliveries keep them."""

import pytest

from sessiond.core.errors import SnapshotCorrupt
from sessiond.core.gateways.messages import ProviderCall
from sessiond.core.gateways.outgoing import (
    Outgoing,
    decode_outgoing,
    delivery_id,
    encode_outgoing,
)
from sessiond.core.ids import UserId

CALL = ProviderCall(
    url="https://api.example.com/{token}", body=b"\x00\xff", headers={"a": "Bearer {token}"}
)


def test_a_message_is_read_as_it_was_written() -> None:
    """Bytes that are no text included."""
    message = Outgoing(account="shop", call=CALL, at=1.5, closes_at=9.0, is_template=True, flow="f")

    assert message == decode_outgoing(encode_outgoing(message))


def test_deliveries_of_a_user_are_in_the_order_of_their_ids() -> None:
    """As text, beyond nine."""
    ann = UserId("ann")

    assert delivery_id(ann, 9) < delivery_id(ann, 10) < delivery_id(ann, 4096)


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"account":"x"}', b"null"])
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    """A damaged row is told as such."""
    with pytest.raises(SnapshotCorrupt, match="not an outgoing message"):
        decode_outgoing(raw)
