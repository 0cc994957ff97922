"""Links: who goes on, what a code is, and what is told from user to user."""

from __future__ import annotations

import msgspec
import pytest

from sessiond.core.errors import InvalidInput, SnapshotCorrupt
from sessiond.core.ids import UserId
from sessiond.core.linking import (
    Errand,
    LinkNote,
    LinkStep,
    choose_canonical,
    decode_errand,
    decode_note,
    encode_errand,
    encode_note,
    has_token,
    link_digest,
    parse_code,
    partings,
    recent_tries,
)

PHONE = UserId("tel:" + "a" * 32)
CHAT = UserId("telegram:" + "b" * 32)
WEB = UserId("ann")


def test_the_user_of_a_token_goes_on() -> None:
    """Whoever of the two showed the code."""
    assert choose_canonical(WEB, PHONE) == choose_canonical(PHONE, WEB) == (WEB, PHONE)


def test_else_the_one_who_offered_the_code_goes_on() -> None:
    """A phone and a chat: the other one joins him."""
    assert choose_canonical(PHONE, CHAT) == (PHONE, CHAT)
    assert choose_canonical(CHAT, PHONE) == (CHAT, PHONE)


def test_two_users_of_tokens_are_never_one() -> None:
    """Nor is anybody linked to himself."""
    assert choose_canonical(WEB, UserId("bob")) == "web_user"
    assert choose_canonical(PHONE, PHONE) == "same_user"


@pytest.mark.parametrize(
    "user", ["ann", "auth0|5f7c8ec7c33c6c004bbafe82", "tel:", "org:ann@a.example"]
)
def test_subjects_of_tokens_are_told_from_users_of_gateways(user: str) -> None:
    """Only a platform and a keyed hash is a user of a gateway."""
    assert has_token(user)
    assert not has_token(PHONE)


@pytest.mark.parametrize("typed", ["12345678", " 1234 5678 ", "1234-5678"])
def test_a_code_is_read_as_people_type_it(typed: str) -> None:
    """Blanks and hyphens do not count."""
    assert parse_code(typed) == "12345678"


@pytest.mark.parametrize("typed", ["", "1234567", "123456789", "1234567a", "١٢٣٤٥٦٧٨"])
def test_what_is_no_code_is_refused_and_not_repeated(typed: str) -> None:
    """The message says what is right."""
    with pytest.raises(InvalidInput) as caught:
        parse_code(typed)

    assert str(caught.value) == "a code has 8 digits"


def test_tries_count_for_an_hour() -> None:
    """Older ones are forgotten."""
    assert recent_tries((0.0, 1.0, 3000.0), 3601.0) == (3000.0,)


def test_notes_and_errands_come_back_as_they_were() -> None:
    """What is written to an inbox, or a timer, can be read."""
    note = LinkNote(
        user=PHONE,
        reason="linked",
        data=msgspec.Raw(b'{"n":1}'),
        lines={"shop": msgspec.Raw(b"{}")},
    )
    errand = Errand(to=WEB, step=LinkStep.ADOPT, note=note)

    assert encode_note(decode_note(encode_note(note))) == encode_note(note)
    assert encode_errand(decode_errand(encode_errand(errand))) == encode_errand(errand)
    assert decode_errand(encode_errand(errand)).step is LinkStep.ADOPT


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"else":1}', b'{"user":1}'])
def test_anything_else_is_corrupt(raw: bytes) -> None:
    """Such an entry becomes a dead letter."""
    with pytest.raises(SnapshotCorrupt):
        decode_note(raw)
    with pytest.raises(SnapshotCorrupt):
        decode_errand(raw)


def test_what_an_alias_had_is_not_shown() -> None:
    """Neither his data nor where he is reached."""
    note = LinkNote(
        data=msgspec.Raw(b'{"secret":1}'), lines={"shop": msgspec.Raw(b'{"to":"+233"}')}
    )

    assert "secret" not in repr(note)
    assert "+233" not in repr(note)


def test_each_step_of_each_cause_has_an_id_of_its_own() -> None:
    """And the same one whenever it is tried again."""
    assert link_digest("adopt", "a") == link_digest("adopt", "a")
    assert (
        len({link_digest("adopt", "a"), link_digest("adopt", "b"), link_digest("left", "a")}) == 3
    )


def test_all_who_are_linked_are_told_when_a_record_goes() -> None:
    """Aliases are released, and whom he followed forgets him; each hears who it was."""
    note = LinkNote(user=WEB)

    assert [
        Errand(PHONE, LinkStep.RELEASE, note),
        Errand(CHAT, LinkStep.RELEASE, note),
    ] == list(partings(WEB, (PHONE, CHAT), ""))
    assert (Errand(CHAT, LinkStep.LEFT, note),) == partings(WEB, (), CHAT)
    assert () == partings(WEB, (), "")
