"""Bad input at the door of accounts, row by row, for every kind of gateway (docs/reference/bad-input.md)."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from sessiond.config.gateway_kinds import BUILT_IN
from sessiond.config.load import SettingsError, load_settings
from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.arrivals import Heard, Notice
from sessiond.net.messages import Request, Response
from tests.edges.http.gateway_doors import APP_SECRET, Stand, account, open_stand
from tests.edges.http.gateway_kinds import (
    FORM,
    JSON,
    KINDS,
    NALO,
    NSANO,
    PHONE,
    PROGRAM,
    TALKING,
    TELEGRAM,
    TWILIO,
    WHATSAPP,
    Fields,
    Kind,
    each_answering_kind,
    each_kind,
)

BROKEN = "Broken."
MEGABYTE = 1024 * 1024


@asynccontextmanager
async def door(kind: Kind, **settings: Any) -> AsyncIterator[Stand]:
    """An account of *kind*."""
    async with open_stand(account(kind.gateway(**settings), failed_text=BROKEN)) as stand:
        yield stand


async def heard(stand: Stand) -> list[str]:
    """What was taken as said by somebody."""
    accepted = [one.answer.text for one in await stand.arrived() if isinstance(one, Heard)]
    return accepted + [item.heard.so_far or item.heard.answer.text for _, item, _ in stand.asked]


def is_refused(kind: Kind, response: Response) -> bool:
    """Tell whether *response* says that the request is wrong, in the form that its sender reads."""
    if kind.is_calling or kind is PROGRAM:
        return response.status == 400
    return (response.status, kind.read(response)) == (200, BROKEN)


def test_no_kind_is_forgotten() -> None:
    """A new kind of gateway is held to everything here."""
    assert BUILT_IN.keys() == {kind.name for kind in KINDS}


@each_kind
async def test_right_input(kind: Kind) -> None:
    """What all others are measured by. A repeat of a chat's is known here, that of a dial to the actor."""
    async with door(kind) as stand:
        answers = [await stand.send(kind.said("hello")) for _ in range(2)]

        assert [200, 200] == [one.status for one in answers]
        assert ["hello"] * (1 if kind.is_calling else 2) == await heard(stand)


@each_kind
async def test_wrong_or_missing_signature(kind: Kind) -> None:
    """401 or 403 (Twilio), told to operators, whatever the body is; nothing of it is read."""
    async with door(kind) as stand:
        count = 0
        for request in (kind.said(), kind.sealed(b"{")):
            for strange in kind.strangers(request):
                count += 1
                assert kind.refusal == (await stand.send(strange)).status
        assert [] == await heard(stand)
        assert [] == await stand.entries()
        assert count == len(stand.events("auth.refused"))
        assert count == len(stand.events("gateway.refused"))


@each_kind
async def test_which_check_failed(kind: Kind) -> None:
    """Operators are told its name and nothing of what was sent; whoever called is told as little as before."""
    right = kind.said("hello")
    proof = "signature" if kind in {WHATSAPP, TWILIO} else "token"
    form = "form" if proof == "token" else "signature_wrong"
    async with door(kind) as stand:
        for request, check in (
            (_with_proof(right, None), f"{proof}_missing"),
            (_with_proof(right, "x" * 40), f"{proof}_wrong"),
            (evolve(right, body=b"{"), form),
            (kind.sealed(b"{"), "account" if kind is TWILIO else "form"),
            (kind.sealed(b"x" * 5 * MEGABYTE), "size"),
            (kind.sealed(right.body, "text/html"), "content_type"),
            (evolve(right, method="GET"), "verify_token" if kind is WHATSAPP else "method"),
        ):
            await stand.send(request)
            assert [check] == [about["check"] for _, about in stand.events("gateway.refused")]
            is_stranger = check.partition("_")[0] in {"token", "signature", "verify"}
            reasons = [about["reason"] for _, about in stand.events("auth.refused")]
            assert [f"line: {check}"] * is_stranger == reasons
            stand.told.clear()


def _with_proof(request: Request, value: str | None) -> Request:
    """*request* with another secret or signature, or with none."""
    if request.query:
        return evolve(request, query="" if value is None else f"token={value}")
    *usual, (name, right) = request.headers
    if value is None:
        return evolve(request, headers=tuple(usual))
    scheme, blank, _ = right.rpartition(" ")
    return evolve(request, headers=(*usual, (name, scheme + blank + value)))


@each_kind
async def test_which_check_failed_of_an_address(kind: Kind) -> None:
    """It is told before anything else is looked at."""
    async with open_stand(account(kind.gateway(), networks=("192.0.2.0/24",))) as stand:
        assert 403 == (await stand.send(_with_proof(kind.said(), None))).status

        told = {"account": "line", "code": "forbidden", "check": "network"}
        assert [("gateway.refused", told)] == stand.events("gateway.refused")


@pytest.mark.parametrize(
    ("kind", "settings", "status"),
    [
        (WHATSAPP, {"phone_number_id": "2"}, 403),
        (TWILIO, {"sender": "+12025550123"}, 403),
        (TWILIO, {"account_sid": "AC" + "1" * 32}, 403),
        (NALO, {"user_id": "another"}, 200),
    ],
    ids=str,
)
async def test_which_check_failed_of_another_account(
    kind: Kind, settings: dict[str, Any], status: int
) -> None:
    """Whose it is is not told: that it is not this account's is."""
    async with door(kind, **settings) as stand:
        assert status == (await stand.send(kind.said())).status

        assert ["account"] == [about["check"] for _, about in stand.events("gateway.refused")]


async def test_what_is_dropped_without_a_signature_is_told() -> None:
    """With `drops_unsigned` Meta is answered 200, whatever the secret: only operators can know why nothing arrives."""
    async with door(WHATSAPP, drops_unsigned=True) as stand:
        answer = await stand.send(_with_proof(WHATSAPP.said(), "sha256=" + "0" * 64))

        assert (200, []) == (answer.status, await stand.entries())
        told = {"account": "line", "code": "200", "check": "signature_wrong"}
        assert [("gateway.refused", told)] == stand.events("gateway.refused")
        assert 1 == len(stand.events("auth.refused"))


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in KINDS for name in kind.secrets], ids=str
)
@pytest.mark.parametrize("empty", ["", (), ("",)], ids=["empty", "none", "an empty one"])
def test_empty_token_configured(kind: Kind, name: str, empty: object) -> None:
    """The settings are refused: there is no door that anybody could open with nothing."""
    if isinstance(kind.given[name], str) and not isinstance(empty, str):
        empty = " "
    if isinstance(kind.given[name], tuple) and isinstance(empty, str):
        empty = (" ",)

    with pytest.raises(InvalidInput):
        kind.gateway(**{name: empty})


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in KINDS for name in kind.secrets], ids=str
)
def test_empty_token_in_a_file(tmp_path: Path, kind: Kind, name: str) -> None:
    """The server does not start: the setting is named, and no other secret."""
    settings = {"gateway": kind.name, **kind.given, name: "" if name in _WORDS else []}
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    file = tmp_path / "sessiond.toml"
    file.write_text("\n".join(["[gateways.line]", *lines]))

    with pytest.raises(SettingsError, match=r"gateways\.line") as refused:
        load_settings(files=[file], environment={})
    assert APP_SECRET not in str(refused.value)
    assert "t0p-s3cret" not in str(refused.value)


_WORDS = {"access_token", "verify_token", "bot_token", "account_sid"}


@each_kind
async def test_body_changed_by_one_byte(kind: Kind) -> None:
    """Where the body is signed: refused. Elsewhere it is another body; whatever it says, nothing breaks."""
    request = kind.said("hello")
    expected = {kind.refusal} if kind in (WHATSAPP, TWILIO) else {200, 400}
    async with door(kind) as stand:
        for place in range(len(request.body)):
            changed = bytearray(request.body)
            changed[place] ^= 1
            answer = await stand.send(evolve(request, body=bytes(changed)))
            assert answer.status in expected
        assert 200 in expected or [] == await stand.entries()
        assert [] == stand.events("door.failed")


@each_kind
@pytest.mark.parametrize("size", [3 * MEGABYTE, 10 * MEGABYTE], ids=["3 MB", "10 MB"])
async def test_batch_of_3_and_body_of_10_megabytes(kind: Kind, size: int) -> None:
    """Only Meta sends batches of 3 MB; all else is 413, signed or not; the HTTP loop cuts them off before."""
    request = kind.sealed(b" " * size)
    is_batch = kind is WHATSAPP and size < 4 * MEGABYTE
    async with door(kind) as stand:
        answer = await stand.send(request)

        assert (400 if is_batch else 413) == answer.status
        assert [] == await stand.entries()


@each_kind
@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/xml", "multipart/form-data; boundary=x", "json"]
)
async def test_wrong_content_type(kind: Kind, media_type: str) -> None:
    """415, whatever the body is."""
    async with door(kind) as stand:
        assert 415 == (await stand.send(kind.sealed(kind.said().body, media_type))).status
        assert [] == await heard(stand)


@each_kind
async def test_form_where_json_is_due_and_the_reverse(kind: Kind) -> None:
    """415 where the provider never sends the other; else what the content type says has to be true."""
    form, document = b"USERID=u&MSISDN=233244123456&SESSIONID=s", b'{"USERID":"u"}'
    other = FORM if kind.media_type == JSON else JSON
    async with door(kind) as stand:
        announced = await stand.send(kind.sealed(kind.said().body, other))
        mixed_up = [
            await stand.send(kind.sealed(form, JSON)) if JSON in _taken(kind) else None,
            await stand.send(kind.sealed(document, FORM)) if FORM in _taken(kind) else None,
        ]

        if other in _taken(kind):
            assert is_refused(kind, announced) or announced.status == 403
        else:
            assert 415 == announced.status
        for answer in filter(None, mixed_up):
            assert is_refused(kind, answer) or answer.status == 403
        assert [] == await heard(stand)


def _taken(kind: Kind) -> set[str]:
    """The content types that providers of *kind* send."""
    return {kind.media_type} if kind in (WHATSAPP, TELEGRAM, NSANO, TALKING) else {JSON, FORM}


NEEDED: dict[Kind, tuple[str, ...]] = {
    WHATSAPP: ("object", "entry"),
    TELEGRAM: ("update_id", "message"),
    TWILIO: ("MessageSid",),
    NALO: ("MSISDN",),
    NSANO: ("msisdn", "UserSessionID"),
    TALKING: ("sessionId", "phoneNumber", "text"),
    PROGRAM: ("session_id", "user_id"),
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in NEEDED.items() for name in names], ids=str
)
async def test_missing_fields(kind: Kind, name: str) -> None:
    """A clear refusal that says which, to those who can mend it; nothing was said."""
    fields = kind.fields("hello", PHONE, 1)
    del fields[name]
    async with door(kind) as stand:
        answer = await stand.send(kind.request(fields))

        assert is_refused(kind, answer)
        assert [] == await heard(stand)
        assert 1 == len(stand.events("gateway.refused"))
        if kind.is_calling or kind is PROGRAM:
            told = json.loads(answer.body)
            said = "what happened" if name == "message" else name
            assert said in (told.get("error") or told["message"])


@each_kind
async def test_wrong_types_and_null(kind: Kind) -> None:
    """Anything in any place: read, recorded or refused, never a 500 and never another's words."""
    async with door(kind) as stand:
        for request in kind.spoiled("hello"):
            assert (await stand.send(request)).status in {200, 400, 403, 413}, request.body
        assert [] == stand.events("door.failed")
        assert len(stand.users) <= 2
        told = repr(stand.told)
        assert PHONE not in told
        assert "hello" not in told


@each_kind
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"7", b'"x"', b"{", b"\xff\xfe", b"[" * 9999, b"=&=&%zz=%"]
)
async def test_null_and_garbage(kind: Kind, body: bytes) -> None:
    """What is no request at all; Twilio's signature of a form does not cover what is no form."""
    async with door(kind) as stand:
        answer = await stand.send(kind.sealed(body))

        assert is_refused(kind, answer) or (kind is TWILIO and answer.status == 403)
        assert [] == await heard(stand)
        assert [] == stand.events("door.failed")


def _typed(kind: Kind, change: Callable[[Fields], None]) -> Fields:
    fields = kind.fields("hello", PHONE, 1)
    change(fields)
    return fields


def _hologram(fields: Fields) -> None:
    message = fields["entry"][0]["changes"][0]["value"]["messages"][0]
    message["type"] = "hologram"
    del message["text"]


def _game(fields: Fields) -> None:
    fields["message"]["game"] = {"title": fields["message"].pop("text")}


def _poll(fields: Fields) -> None:
    fields["poll_answer"] = fields.pop("message")


def _nothing_said(fields: Fields) -> None:
    fields["MessageType"], fields["Body"] = "hologram", ""
    fields["From"], fields["To"] = f"whatsapp:{fields['From']}", f"whatsapp:{fields['To']}"


def _ended(fields: Fields) -> None:
    fields["status"] = "Exploded"
    del fields["text"]


@pytest.mark.parametrize(
    ("kind", "settings", "change", "name"),
    [
        (WHATSAPP, {}, _hologram, "hologram"),
        (TELEGRAM, {}, _game, "game"),
        (TELEGRAM, {}, _poll, "poll_answer"),
        (TWILIO, {"platform": "whatsapp"}, _nothing_said, "hologram"),
        (TALKING, {}, _ended, "session_unknown"),
    ],
    ids=["whatsapp", "telegram message", "telegram update", "twilio", "africastalking"],
)
async def test_unknown_message_kinds(
    kind: Kind, settings: Fields, change: Callable[[Fields], None], name: str
) -> None:
    """Acknowledged and recorded under the provider's name for it, never run."""
    async with door(kind, **settings) as stand:
        answer = await stand.send(kind.request(_typed(kind, change)))
        notices = [one for one in await stand.arrived() if isinstance(one, Notice)]

        assert 200 == answer.status
        assert [] == await heard(stand)
        assert [name] == [one.kind for one in notices] or [name] == [
            about["kind"] for _, about in stand.events("gateway.noted")
        ]


@pytest.mark.parametrize("kind", [WHATSAPP, TELEGRAM], ids=str)
@pytest.mark.parametrize(
    ("at", "settings", "is_run"),
    [
        (1, {}, True),
        (99_999_999_999, {}, True),
        (1, {"max_age_seconds": 60.0}, False),
        (99_999_999_999, {"max_ahead_seconds": 60.0}, False),
        (1000, {"max_age_seconds": 60.0, "max_ahead_seconds": 60.0}, True),
        (-5, {}, False),
        (10**15, {}, False),
    ],
)
async def test_future_and_ancient_timestamps(
    kind: Kind, at: int, settings: dict[str, float], is_run: bool
) -> None:
    """Run, unless the account says how old or early they may be, or no clock could show it: then recorded."""
    fields = kind.fields("hello", PHONE, 1)
    if kind is TELEGRAM:
        fields["message"]["date"] = at
    else:
        fields["entry"][0]["changes"][0]["value"]["messages"][0]["timestamp"] = str(at)
    async with door(kind, **settings) as stand:
        answer = await stand.send(kind.request(fields))

        assert 200 == answer.status
        assert is_run == bool(await heard(stand))
        assert 1 == len(await stand.entries()) + len(stand.events("gateway.noted"))


@each_kind
async def test_unknown_account(kind: Kind) -> None:
    """404: its path says nothing of others."""
    async with door(kind) as stand:
        for path in ("/gateways/other", "/gateways", "/gateways/line/", "/gateways/LINE"):
            assert 404 == (await stand.send(kind.said(path=path))).status
        assert [] == await heard(stand)


def _of_another_number(fields: Fields) -> None:
    fields["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = "2"


def _to_another_number(fields: Fields) -> None:
    fields["To"] = "+233200000001"


def _of_another_account(fields: Fields) -> None:
    fields["AccountSid"] = "AC" + "1" * 32


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (WHATSAPP, _of_another_number),
        (TWILIO, _to_another_number),
        (TWILIO, _of_another_account),
    ],
    ids=["whatsapp", "twilio number", "twilio account"],
)
async def test_another_numbers_webhook(kind: Kind, change: Callable[[Fields], None]) -> None:
    """403: another tenant's words are neither run nor kept."""
    async with door(kind) as stand:
        answer = await stand.send(kind.request(_typed(kind, change)))

        assert (403, "forbidden") == (answer.status, json.loads(answer.body)["code"])
        assert [] == await stand.entries()


async def test_another_accounts_dial() -> None:
    """Nalo: the account that it issued; the person reads that the service is not available."""
    async with door(NALO, user_id="ours") as stand:
        assert is_refused(NALO, await stand.send(NALO.said()))
        assert [] == await heard(stand)


SPELLINGS = [
    "233244123456",
    "+233244123456",
    "00233244123456",
    "0244123456",
    "+233 24 412 3456",
    "+233-24-412-3456",
    "+233 (24) 412 3456",
    "(024) 412-3456",
    "024.412.3456",
    " +233244123456 ",
]
IMPOSSIBLE = [
    "",
    " ",
    "12",
    "+",
    "call me",
    "+0244123456",
    "2332441234567890123",
    "+23324412345x",
]


@each_answering_kind
async def test_phone_numbers_in_ten_spellings(kind: Kind) -> None:
    """One person, however the number is written."""
    async with door(kind) as stand:
        for number, phone in enumerate(SPELLINGS):
            answer = await stand.send(kind.said(phone=phone, number=number))
            assert "You said" in kind.read(answer), phone
        assert 1 == len(stand.users)


@pytest.mark.parametrize("kind", [WHATSAPP, TWILIO], ids=str)
async def test_international_numbers_in_six_spellings(kind: Kind) -> None:
    """Providers of chats send numbers with their country; one person, however they are written."""
    spellings = [
        phone for phone in SPELLINGS if not phone.startswith(("0244", "(024", "024", "00"))
    ]
    async with door(kind) as stand:
        for number, phone in enumerate(spellings):
            fields = kind.fields("hello", PHONE, number)
            if kind is TWILIO:
                fields["From"] = "+" + phone.strip().removeprefix("+")
            else:
                fields["entry"][0]["changes"][0]["value"]["messages"][0]["from"] = phone
            assert 200 == (await stand.send(kind.request(fields))).status
        entries = await stand.entries()

        assert len(spellings) == len(await heard(stand)) == len(entries)
        assert 1 == len({entry.user for entry in entries})


@pytest.mark.parametrize("kind", [one for one in KINDS if one is not TELEGRAM], ids=str)
async def test_impossible_phone_numbers(kind: Kind) -> None:
    """Nobody's words: the person reads that it does not work, the program why; a chat's are recorded, not run."""
    async with door(kind) as stand:
        for number, phone in enumerate(IMPOSSIBLE):
            answer = await stand.send(kind.request(kind.fields("hello", phone, number)))
            if kind.is_calling:
                assert 200 == answer.status
            elif kind is not PROGRAM or phone.strip():
                assert is_refused(kind, answer), phone
                checks = {about["check"] for _, about in stand.events("gateway.refused")}
                assert checks <= {"phone", "form"}, phone
            assert PHONE not in repr(answer)
        if not kind.is_calling:
            assert "phone" in {about["check"] for _, about in stand.events("gateway.refused")}
        assert [] == [one for one in await stand.arrived() if isinstance(one, Heard)]
        assert len(stand.users) <= (1 if kind is PROGRAM else 0)


@each_kind
async def test_5000_character_messages(kind: Kind) -> None:
    """A chat's and a program's are taken whole; a phone's keypad cannot make one, so a line refuses it."""
    text = "ä" * 5000
    async with door(kind) as stand:
        answer = await stand.send(kind.said(text))

        if kind in (NALO, NSANO):
            assert is_refused(kind, answer)
            assert [] == await heard(stand)
        else:
            assert 200 == answer.status
            assert [text] == await heard(stand)


@each_kind
async def test_0_and_hash_are_answers(kind: Kind) -> None:
    """They reach the flow as they are: what a menu makes of them is the flow's business."""
    async with door(kind) as stand:
        for number, text in enumerate(["0", "#", "00", "*", "**"]):
            assert 200 == (await stand.send(kind.said(text, number=number))).status
        assert ["0", "#", "00", "*", "**"] == await heard(stand)
