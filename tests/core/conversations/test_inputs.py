"""The inputs of conversations (sessiond/core/conversations/inputs.py)."""

from sessiond.core.conversations.inputs import Said, Settled
from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.flows.answers import Answer


def test_nothing_said_is_in_a_repr() -> None:
    """Neither the text nor the number nor the profile nor a result."""
    facts = ChannelFacts(platform="ussd", msisdn="+233244123456")
    said = Said(facts, Answer(text="my secret"), profile={"name": "Ama"})
    settled = Settled("k", "c1:0:1", b'"my secret"')

    assert not [word for word in ("secret", "123456", "Ama") if word in repr((said, settled))]
