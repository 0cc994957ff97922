"""What arrived, kept until its turn (sessiond/core/gateways/inbox_bodies.py)."""

import msgspec
import pytest

from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.errors import InvalidInput, SnapshotCorrupt
from sessiond.core.flows.answers import Answer, Attachment, Contact, Location
from sessiond.core.flows.prompts import AttachmentKind
from sessiond.core.gateways.arrivals import Arrived, Heard, Notice, StatusUpdate
from sessiond.core.gateways.inbox_bodies import arrival_digest, decode_arrived, encode_arrived
from sessiond.core.ids import Digest

FACTS = ChannelFacts(platform="whatsapp", gateway="cloud", msisdn="+233244123456")
HEARD = Heard(facts=FACTS, answer=Answer(text="hello"), id="wamid.1", sent_at=5.0)
STATUS = StatusUpdate(id="wamid.2", state="sent", recipient="+233244123456", at=6.0)
NOTICE = Notice(kind="reaction", body=b'{"emoji":"x"}', id="wamid.3", about="+233244123456")


def digest(arrived: Arrived, salt: bytes = b"", kind: str = "gateway:shop") -> Digest:
    return arrival_digest(kind, arrived, encode_arrived(arrived), salt)


@pytest.mark.parametrize(
    "arrived",
    [
        HEARD,
        STATUS,
        NOTICE,
        msgspec.structs.replace(
            HEARD,
            answer=Answer(
                choice="a",
                screen="3",
                attachment=Attachment(kind=AttachmentKind.AUDIO, id="7"),
                location=Location(latitude=5.6, longitude=-0.2),
                contact=Contact(name="Ama", phones=("+233",)),
                numbered=False,
            ),
            profile={"name": "Ama \N{LEFT-POINTING MAGNIFYING GLASS}"},
            so_far="",
            begins=True,
            hangs_up=True,
            sender="42",
        ),
        msgspec.structs.replace(STATUS, error_code=131047, error="late", reference="r"),
        msgspec.structs.replace(STATUS, error_code="30008"),
        Notice(kind="x", body=b"\xff\x00"),
    ],
)
def test_what_is_kept_is_what_arrived(arrived: Arrived) -> None:
    """Whatever it is: its own bytes say it."""
    assert arrived == decode_arrived(encode_arrived(arrived))


@pytest.mark.parametrize("raw", [b"", b"{}", b"null", b'{"type":"other"}', b"\xff", b"[" * 9999])
def test_anything_else_is_corrupt(raw: bytes) -> None:
    """And repeats nothing of it."""
    with pytest.raises(SnapshotCorrupt, match=r"^not something that arrived \(\w+\)$"):
        decode_arrived(raw)


def test_half_a_character_is_refused() -> None:
    """It could be stored nowhere."""
    with pytest.raises(InvalidInput, match="not valid Unicode"):
        encode_arrived(msgspec.structs.replace(HEARD, answer=Answer(text="\ud800")))


def test_the_providers_id_names_a_message() -> None:
    """Whatever else differs in the repeat; in another account, or of another sort, the same id is something else."""
    again = msgspec.structs.replace(HEARD, sent_at=7.0)
    others = [
        digest(HEARD, kind="gateway:other"),
        digest(msgspec.structs.replace(NOTICE, id=HEARD.id)),
        digest(msgspec.structs.replace(HEARD, id="wamid.9")),
    ]

    assert digest(HEARD, b"1") == digest(again, b"2")
    assert len({digest(HEARD), *others}) == 4


def test_each_state_of_a_message_is_news() -> None:
    """Sent, delivered and read are told once each."""
    states = [msgspec.structs.replace(STATUS, state=s) for s in ("sent", "delivered", "sent")]

    assert len({digest(one) for one in states}) == 2


@pytest.mark.parametrize("arrived", [HEARD, NOTICE, STATUS])
@pytest.mark.parametrize("id_", ["", "x" * 257])
def test_without_an_id_the_content_names_it(arrived: Arrived, id_: str) -> None:
    """The same bytes again are a repeat; others are not. Ids of no usual length are no ids."""
    one = msgspec.structs.replace(arrived, id=id_)
    if isinstance(one, Heard):
        other: Arrived = msgspec.structs.replace(one, sent_at=6.0)
    elif isinstance(one, Notice):
        other = msgspec.structs.replace(one, body=b"[]")
    else:
        other = msgspec.structs.replace(one, at=9.0)

    assert digest(one, b"1") == digest(one, b"2")
    assert digest(one) != digest(other)


def test_a_message_without_id_and_time_is_never_a_repeat() -> None:
    """Who says "yes" twice says it twice."""
    one = msgspec.structs.replace(HEARD, id="", sent_at=None)

    assert digest(one, b"1") != digest(one, b"2")
