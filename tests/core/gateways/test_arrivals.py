"""What was read (sessiond/core/gateways/arrivals.py)."""

from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.flows.answers import Answer
from sessiond.core.gateways.arrivals import Heard, Notice, StatusUpdate


def test_what_people_said_is_in_no_repr() -> None:
    """Nor numbers, nor what a notice holds."""
    facts = ChannelFacts(platform="ussd", gateway="nalo", msisdn="+233secret")
    heard = Heard(
        facts=facts,
        answer=Answer(text="secret"),
        profile={"name": "secret"},
        dialled="*920*secret#",
        so_far="1*secret",
    )
    status = StatusUpdate(id="m", state="failed", recipient="secret", error="secret")

    for one in (heard, status, Notice(kind="k", body=b"secret", about="secret")):
        assert "secret" not in repr(one)
