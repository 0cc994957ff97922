"""Session keys (sessiond/core/conversations/session_keys.py)."""

import itertools
import re

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sessiond.core.conversations.session_keys import (
    Boundary,
    ChannelFacts,
    Identifier,
    SessionKeys,
    SessionKeySettings,
)
from sessiond.core.errors import InvalidInput
from sessiond.core.structuring import InvalidShape, structure

SECRET = "0123456789abcdef"
KEYED = SessionKeySettings(secret=SECRET)
FACTS = ChannelFacts(
    flow="registration_flow",
    platform="ussd",
    gateway="nalo",
    host="tenant1.example.com",
    path="/ussd",
    request_id="abc123",
    msisdn="+233244123456",
    user_id="ada",
)
#: printf 'msisdn\0+233244123456' | openssl dgst -sha256 -hmac 0123456789abcdef
PHONE_HASH = "47e094e300c71bd71c596079a5bebac5"

NAMES = st.text(st.sampled_from("ab_./-"), min_size=1, max_size=6)
TEXTS = st.text(st.sampled_from("a1:\0 ü"), min_size=1, max_size=6).filter(str.strip)
MANY_FACTS = st.builds(
    ChannelFacts,
    flow=NAMES,
    platform=NAMES,
    gateway=NAMES,
    host=NAMES.map(lambda name: name.replace("/", "a")),
    path=NAMES,
    request_id=TEXTS,
    msisdn=st.sampled_from(["+233244123456", "233244123456", "+256700123456"]),
    user_id=TEXTS,
)
BOUNDARIES = st.lists(st.sampled_from([b.value for b in Boundary]), unique=True).map(tuple)
IDENTIFIERS = st.sampled_from(["request_id", "msisdn", "user_id"])


def key(facts: ChannelFacts, settings: SessionKeySettings = KEYED) -> str:
    return SessionKeys(settings).key(facts)


def legacy(facts: ChannelFacts, mode: str, *boundaries: str, identifier: str | None = None) -> str:
    settings = SessionKeySettings(boundaries=boundaries, identifier=identifier, mode=mode)
    return key(facts, settings)


def test_keys_never_change() -> None:
    """A key is stored with the conversation: the form and the hash of a secret are fixed."""
    settings = attrs.evolve(KEYED.isolated_by_url(), identifier="msisdn")

    assert key(FACTS, settings) == (
        "registration_flow:ussd:nalo:tenant1.example.com_ussd:" + PHONE_HASH
    )


def test_boundaries_that_are_not_wanted_are_empty() -> None:
    """The parts stay in their places, so that no key of one setting is that of another."""
    settings = attrs.evolve(KEYED, boundaries=(), identifier="msisdn")

    assert f"::::{PHONE_HASH}" == key(FACTS, settings)


@given(MANY_FACTS, BOUNDARIES, IDENTIFIERS, st.data())
def test_the_order_of_boundaries_does_not_matter(
    facts: ChannelFacts, boundaries: tuple[str, ...], identifier: str, data: st.DataObject
) -> None:
    """The parts have one order, whatever order the settings have."""
    reordered = tuple(data.draw(st.permutations(boundaries)))
    one, two = (
        attrs.evolve(KEYED, boundaries=names, identifier=identifier)
        for names in (boundaries, reordered)
    )

    assert key(facts, one) == key(facts, two)


def seen(facts: ChannelFacts, boundaries: tuple[str, ...], identifier: str) -> object:
    """What of the facts decides, under these settings."""
    parts = {
        "flow": facts.flow,
        "platform": facts.platform,
        "gateway": facts.gateway,
        "url": (facts.host, facts.path.removeprefix("/")),
    }
    who = {
        "request_id": facts.request_id,
        "user_id": facts.user_id,
        "msisdn": "+" + facts.msisdn.removeprefix("+"),
    }[identifier]
    return {name: parts[name] for name in boundaries}, identifier, who


@given(MANY_FACTS, MANY_FACTS, BOUNDARIES, BOUNDARIES, IDENTIFIERS, IDENTIFIERS)
def test_different_facts_have_different_keys(
    facts: ChannelFacts,
    others: ChannelFacts,
    boundaries: tuple[str, ...],
    other_boundaries: tuple[str, ...],
    identifier: str,
    other_identifier: str,
) -> None:
    """Two keys are equal exactly when all facts that count are, under different settings too."""
    one = attrs.evolve(KEYED, boundaries=boundaries, identifier=identifier)
    two = attrs.evolve(KEYED, boundaries=other_boundaries, identifier=other_identifier)
    same = seen(normal(facts), boundaries, identifier) == seen(
        normal(others), other_boundaries, other_identifier
    )

    assert same == (key(facts, one) == key(others, two))


def normal(facts: ChannelFacts) -> ChannelFacts:
    return replace(facts, host=facts.host.lower().removesuffix("."))


@given(MANY_FACTS, BOUNDARIES, IDENTIFIERS)
def test_the_parts_can_be_read_back(
    facts: ChannelFacts, boundaries: tuple[str, ...], identifier: str
) -> None:
    """Five parts, none of which holds the separator; the last one is 128 bits in hex."""
    parts = key(facts, attrs.evolve(KEYED, boundaries=boundaries, identifier=identifier)).split(":")

    assert 5 == len(parts)
    assert re.fullmatch("[0-9a-f]{32}", parts[-1])
    assert [name for name, part in zip(Boundary, parts, strict=False) if part] == [
        name for name in Boundary if name in boundaries
    ]


@given(st.from_regex(r"2332\d{8}", fullmatch=True), st.sampled_from(list(Identifier)))
def test_keys_hold_nothing_of_an_identifier(number: str, kind: Identifier) -> None:
    """Not even of a request id, which some gateways make from the phone number."""
    facts = replace(FACTS, msisdn=number, user_id=number, request_id=f"{number}-1")
    own = (lambda facts: facts.msisdn) if kind == Identifier.OWN else None
    made = SessionKeys(attrs.evolve(KEYED, identifier=kind.value), own).key(facts)

    assert number not in made
    assert number[-8:] not in made
    assert number not in repr(facts)


def test_a_secret_makes_the_hash() -> None:
    """Without it nobody can try all numbers; it is not printed."""
    other = attrs.evolve(KEYED, secret=SECRET[::-1])

    assert key(FACTS) != key(FACTS, other)
    assert SECRET not in repr(KEYED)


def test_kinds_of_identifiers_do_not_meet() -> None:
    """A user who calls himself like another's phone number is not that other."""
    keys = SessionKeys(KEYED)
    hashes = {keys.hashed(kind, "+233244123456") for kind in Identifier}

    assert len(Identifier) == len(hashes)


@pytest.mark.parametrize(
    ("platform", "identifier"),
    [
        ("ussd", "request_id"),
        ("whatsapp", "msisdn"),
        ("messenger", "user_id"),
        ("instagram", "user_id"),
        ("websocket", "user_id"),
        ("telegram", "user_id"),
        ("sms", "msisdn"),
        ("http", "msisdn"),
    ],
)
def test_platforms_have_defaults(platform: str, identifier: str) -> None:
    """A dial is a conversation, a WhatsApp number is one; settings overrule it."""
    assert identifier == SessionKeys(KEYED).identifier_of(platform)
    assert "msisdn" == SessionKeys(KEYED.durable()).identifier_of(platform)


def test_who_has_no_number_is_known_by_the_id() -> None:
    """Where the number is only the platform's default; when it was set, it is needed."""
    nameless = replace(FACTS, platform="http", msisdn="", user_id="http:7")
    settings = attrs.evolve(KEYED, identifier=None)

    assert key(nameless, settings) == key(nameless, attrs.evolve(KEYED, identifier="user_id"))
    assert key(nameless, settings) == key(replace(nameless, request_id="x"), settings)
    assert key(nameless, settings) != key(replace(nameless, msisdn="+233244123456"), settings)
    for impossible in (
        (nameless, attrs.evolve(KEYED, identifier="msisdn")),
        (replace(nameless, user_id=""), settings),
    ):
        with pytest.raises(InvalidInput, match="msisdn"):
            key(*impossible)


def test_a_number_has_one_key() -> None:
    """Gateways write numbers differently; the person is the same."""
    settings = attrs.evolve(KEYED.durable(), phone_region="GH")
    written = ["+233244123456", "233244123456", "0244123456", "024 412 3456"]

    assert 1 == len({key(replace(FACTS, msisdn=number), settings) for number in written})


def test_durable_conversations_outlive_a_dial() -> None:
    """The next dial has another request id and finds the same conversation."""
    again = replace(FACTS, request_id="def456")

    assert key(FACTS) != key(again)
    assert key(FACTS, KEYED.durable()) == key(again, KEYED.durable())


def test_cross_gateway_conversations_stay_on_their_platform() -> None:
    """A telco's two aggregators are one way, WhatsApp is another."""
    settings = KEYED.cross_gateway().durable()

    assert key(FACTS, settings) == key(replace(FACTS, gateway="nsano"), settings)
    assert key(FACTS, settings) != key(replace(FACTS, platform="whatsapp"), settings)


def test_cross_platform_conversations_meet() -> None:
    """Begun on USSD, ended on WhatsApp: FlowChat's shorthand forgot the identifier, ours does not."""
    whatsapp = replace(
        FACTS, platform="whatsapp", gateway="whatsapp_cloud_api", request_id="wamid.1"
    )

    assert key(FACTS, KEYED.cross_platform()) == key(whatsapp, KEYED.cross_platform())


@pytest.mark.parametrize("order", list(itertools.permutations(["url", "gateway", "durable"])))
def test_shorthands_may_be_called_in_any_order(order: tuple[str, ...]) -> None:
    """No shorthand forgets another; above all, tenants stay apart."""
    settings = KEYED
    for shorthand in order:
        match shorthand:
            case "url":
                settings = settings.isolated_by_url()
            case "gateway":
                settings = settings.cross_gateway()
            case _:
                settings = settings.durable()

    assert {"flow", "platform", "url"} == set(settings.boundaries)
    assert key(FACTS, settings) != key(replace(FACTS, host="tenant2.example.com"), settings)


def test_the_app_may_name_people_itself() -> None:
    """Its function's answer is hashed like any other identifier."""
    settings = attrs.evolve(KEYED, identifier="own")
    keys = SessionKeys(settings, lambda facts: f"{facts.user_id}@{facts.host}")

    assert keys.key(FACTS) == keys.key(replace(FACTS, request_id="other"))
    assert keys.key(FACTS) != keys.key(replace(FACTS, user_id="bob"))
    assert "ada" not in keys.key(FACTS)


@pytest.mark.parametrize("answer", ["", "  ", None, 7, "x" * 257, "\ud800"])
def test_a_wrong_answer_of_the_function_is_refused(answer: object) -> None:
    """Nothing, blanks, no text, too much of it."""
    keys = SessionKeys(attrs.evolve(KEYED, identifier="own"), lambda _: answer)  # type: ignore[arg-type,return-value]

    with pytest.raises(InvalidInput, match="identifier"):
        keys.key(FACTS)


@pytest.mark.parametrize("mode", ["keyed", "flowchat_8", "flowchat_32"])
@pytest.mark.parametrize("identifier", ["request_id", "user_id", "msisdn"])
@pytest.mark.parametrize("text", ["", " \t"])
def test_an_empty_identifier_is_refused(mode: str, identifier: str, text: str) -> None:
    """It would put everybody into one conversation, as FlowChat's did."""
    settings = attrs.evolve(KEYED, mode=mode, identifier=identifier)
    facts = replace(FACTS, **{identifier: text})

    with pytest.raises(InvalidInput):
        key(facts, settings)


@pytest.mark.parametrize("field", ["flow", "platform", "gateway", "host"])
@pytest.mark.parametrize("text", ["", "a:b", "a b", "é@", "x" * 300])
@pytest.mark.parametrize("mode", ["keyed", "flowchat_32"])
def test_a_boundary_needs_its_fact(mode: str, field: str, text: str) -> None:
    """A part that is missing or could be taken for two is refused."""
    settings = attrs.evolve(KEYED.isolated_by_url(), mode=mode)

    with pytest.raises(InvalidInput, match="boundary"):
        key(replace(FACTS, **{field: text}), settings)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"boundaries": ["flow", "gatewayy"]}, 'boundaries: unknown boundary .*mean "gateway"'),
        ({"boundaries": ["none"]}, "boundaries: unknown boundary 'none'"),
        ({"boundaries": ["flow", "flow"]}, "boundaries: a boundary is named twice"),
        ({"identifier": "msisd"}, 'identifier: unknown identifier .*did you mean "msisdn"'),
        ({"mode": "flowchat"}, 'mode: unknown mode of session keys .*did you mean "flowchat_'),
        (
            {"phone_region": "Ghana"},
            "phone_region: unknown region 'Ghana'; it is two letters, like GH",
        ),
        ({"boundariess": []}, 'boundariess: unknown name; did you mean "boundaries"'),
        ({"boundaries": "flow"}, "boundaries: must be a list, not a text"),
    ],
)
def test_settings_are_strict(table: dict[str, object], message: str) -> None:
    """What FlowChat ignored is an error that says where it is and what was meant."""
    with pytest.raises(InvalidShape, match=message):
        structure(table, SessionKeySettings)


@pytest.mark.parametrize("secret", ["", "short"])
def test_a_secret_is_needed(secret: str) -> None:
    """No secret, no keys: nothing falls back to a hash that anybody can compute."""
    with pytest.raises(InvalidInput, match="secret of at least 16 bytes"):
        SessionKeys(attrs.evolve(KEYED, secret=secret))
    with pytest.raises(InvalidInput, match="no secret"):
        SessionKeys(SessionKeySettings(mode="flowchat_8")).hashed(Identifier.MSISDN, "x")


def test_the_function_and_its_name_come_together() -> None:
    """One without the other is a mistake."""
    with pytest.raises(InvalidInput, match="given together"):
        SessionKeys(KEYED, lambda facts: facts.user_id)
    with pytest.raises(InvalidInput, match="given together"):
        SessionKeys(attrs.evolve(KEYED, identifier="own"))


def test_the_legacy_modes_make_flowchats_ids() -> None:
    """Parts in FlowChat's order, left out when not wanted; request ids as they are; SHA-256 of numbers."""
    whatsapp = replace(
        FACTS, platform="whatsapp", gateway="whatsapp_cloud_api", msisdn="256700123456"
    )
    default = ("flow", "gateway", "platform")

    assert "registration_flow:ussd:nalo:abc123" == legacy(FACTS, "flowchat_8", *default)
    assert "registration_flow:whatsapp:whatsapp_cloud_api:0aaf5adc" == legacy(
        whatsapp, "flowchat_8", *default
    )
    assert "registration_flow:whatsapp:whatsapp_cloud_api:0aaf5adc83de1f5895c70f3f0dd41023" == (
        legacy(whatsapp, "flowchat_32", *default)
    )
    assert "8f51d05beb659199d560b99c610f1432" == legacy(FACTS, "flowchat_32", identifier="msisdn")
    assert "registration_flow:tenant1.example.com_ussd:8f51d05b" == legacy(
        FACTS, "flowchat_8", "url", "flow", identifier="msisdn"
    )


def test_a_legacy_function_makes_the_id() -> None:
    """Without boundaries the function's answer is the id, as FlowChat's ``session_id_proc`` has it."""
    settings = SessionKeySettings(boundaries=(), identifier="own", mode="flowchat_32")

    assert "my-id" == SessionKeys(settings, lambda _: "my-id").key(FACTS)
