"""What a conversation knows, and in which language it speaks (sessiond/core/flows/facts.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sessiond.core.flows.engine import expired
from sessiond.core.flows.faults import FlowFailed
from sessiond.core.flows.flow import OnMismatch
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.flows.translations import Translations
from sessiond.core.linking import LinkRequest, LinkStep
from tests.core.flows.playing import begin, body, make, messages, play
from tests.core.flows.remembering import Server, both

if TYPE_CHECKING:
    from sessiond.core.flows.conversation import Conversation

WORDS = Translations(
    {
        "fr": {
            "Which language?": "Quelle langue ?",
            "How many?": "Combien ?",
            "Hello {name}": "Bonjour {name}",
            "{n} piece": ("{n} pièce", "{n} pièces"),
            "Invalid input": "Mauvaise réponse",
            "Invalid selection:": "Mauvais choix :",
            "That choice belongs to an earlier question.": "Trop tard.",
            "Yes": "Oui",
            "No": "Non",
            "Unexpected end of flow.": "Fin inattendue.",
            "This conversation has changed in the meantime. Let us start again.": "Recommençons.",
            "Too slow": "Trop lent",
            "Price": "{prix}",
        }
    }
)


async def choosing(c: Conversation) -> None:
    """Ask for the language, then speak it."""
    c.use_language(await c.select("lang", c.t("Which language?"), {"en": "English", "fr": "Fr"}))
    count = await c.ask("count", c.t("How many?"), parse=int)
    await c.confirm("sure", c.nt("{n} piece", "{n} pieces", count))


CHOOSING = make(choosing, translations=WORDS)


def test_a_flow_speaks_the_language_that_was_chosen() -> None:
    """Its own sentences and the engine's; the same when it is rebuilt."""
    for server in both(CHOOSING, "fr"):
        assert "Combien ?" == body(server.live.remind())
        assert "Mauvaise réponse\n\nCombien ?" == body(server.say("x"))
        output = server.say("2")
        assert "2 pièces" == body(output)
        assert output.prompt is not None
        assert ["Oui", "Non"] == [choice.label for choice in output.prompt.choices]
        assert "Mauvais choix :\n\n2 pièces" == body(server.say("perhaps"))
        server.restart()
        assert ("2 pièces", "fr") == (body(server.live.remind()), server.record.speaks)


def test_the_language_outlives_the_conversation() -> None:
    """The session's language before the door's; and a session that is gone forgets it."""
    server = Server(CHOOSING)
    assert "Which language?" == body(server.start(language="de"))
    server.say("fr")
    assert "Quelle langue ?" == body(server.start(language="de"))

    server.stored = None
    assert "Which language?" == body(server.start(language="de"))


@pytest.mark.parametrize(
    ("door", "language", "shown"),
    [
        ("fr-CA", "fr-CA", "Quelle langue ?"),
        ("FR_ca", "fr-CA", "Quelle langue ?"),
        ("de", "de", "Which language?"),
        ("", "en", "Which language?"),
        ("<nonsense>", "en", "Which language?"),
    ],
)
def test_the_door_says_what_a_person_speaks(door: str, language: str, shown: str) -> None:
    """It may say anything."""
    spoken = []

    async def flow(c: Conversation) -> None:
        spoken.append(c.language)
        await choosing(c)

    assert shown == body(Server(make(flow, translations=WORDS)).start(language=door))
    assert [language] == spoken


def test_a_language_that_depends_on_what_is_not_recorded_is_recorded() -> None:
    """The profile may have changed when the flow is rebuilt; the conversation goes on as it was."""
    tags = iter(["fr", "en", "en"])

    async def flow(c: Conversation) -> None:
        c.use_language(next(tags))
        await c.ask("a", c.t("How many?"))

    server = Server(make(flow, translations=WORDS))
    server.start()
    server.restart()
    server.restart()

    assert "Combien ?" == body(server.live.remind())


@pytest.mark.parametrize("forgetful", [False, True])
def test_going_back_and_beginning_again_keep_or_forget_the_language(forgetful: bool) -> None:
    """Before the choice the flow speaks as it did then; a conversation that begins again speaks the chosen one."""

    async def flow(c: Conversation) -> None:
        c.use_language(await c.ask("lang", c.t("Which language?")))
        count = await c.ask("count", c.t("How many?"))
        if count == "back":
            await c.go_back("lang")
        if count == "again":
            await c.restart()

    server = Server(make(flow, translations=WORDS), forgetful=forgetful)
    server.start()
    server.say("fr")
    assert "Which language?" == body(server.say("back"))
    server.say("fr")
    assert "Quelle langue ?" == body(server.say("again"))


def test_the_notice_of_changed_code_is_in_the_language() -> None:
    """So is what follows it."""

    async def other(c: Conversation) -> None:
        await c.ask("other", c.t("How many?"))

    server = Server(CHOOSING)
    server.start()
    server.say("fr")
    server.flow = make(other, translations=WORDS, on_mismatch=OnMismatch.RESTART)
    output = server.restart()

    assert (["Recommençons."], "Combien ?") == (messages(output), body(output))


def test_the_end_is_in_the_language() -> None:
    """The unexpected one, and that of a conversation whose time is over, which no flow is driven for."""
    flow = make(choosing, translations=WORDS, on_expire="Too slow")
    server = Server(flow)
    server.start()
    server.say("fr")

    assert ["Trop lent"] == messages(expired(flow, server.record))
    server.say("2")
    assert ["Fin inattendue."] == messages(server.say("oui"))


def test_own_sentences_of_the_flow_are_translated_too() -> None:
    """The msgid is the sentence that the app has set."""
    texts = FlowTexts(invalid_answer="Price")

    async def flow(c: Conversation) -> None:
        await c.ask("n", "?", parse=int)

    server = Server(make(flow, translations=WORDS, texts=texts))
    server.start(language="fr")

    assert "{prix}\n\n?" == body(server.say("x"))


def test_values_are_filled_in() -> None:
    """What a person said is never read as a template; without values braces are braces."""

    async def flow(c: Conversation) -> None:
        c.use_language("fr")
        await c.say(c.t("Hello {name}", name="{0.__class__} {name}"))
        await c.say(c.t("{prices}"))
        await c.say(c.nt("{n} piece", "{n} pieces", 1))
        await c.say(c.nt("{n} {what}", "{n} {what}s", 2, what="cow"))

    shown = messages(begin(make(flow, translations=WORDS))[1])

    assert ["Bonjour {0.__class__} {name}", "{prices}", "1 pièce", "2 cows"] == shown


def test_a_translation_that_cannot_be_filled_in_does_not_cost_the_sentence() -> None:
    """The author's own words are shown; ``flow check`` finds it."""

    async def flow(c: Conversation) -> None:
        c.use_language("fr")
        await c.say(c.t("Price", price=3))

    assert ["Price"] == messages(begin(make(flow, translations=WORDS))[1])


def test_a_sentence_that_its_author_cannot_fill_in_is_an_error_on_its_line() -> None:
    """Not half a sentence."""

    async def flow(c: Conversation) -> None:
        await c.say(c.t("Hello {nobody}", name="Ama"))

    with pytest.raises(FlowFailed, match=r"test_facts\.py:\d+: the flow raised KeyError"):
        begin(make(flow))


@pytest.mark.parametrize("text", [None, 3, b"x"])
def test_only_texts_are_translated(text: Any) -> None:
    """Anything else is the author's mistake."""

    async def flow(c: Conversation) -> None:
        await c.say(c.t(text))

    with pytest.raises(FlowFailed, match="InvalidInput"):
        begin(make(flow, translations=WORDS))


def test_the_language_is_chosen_in_the_flow() -> None:
    """Where nothing is recorded it would be lost at the next restart; a tag is needed, too."""

    async def flow(c: Conversation) -> None:
        await c.ask("lang", "?", transform=c.use_language)

    async def wrong(c: Conversation) -> None:
        c.use_language("French, please")

    with pytest.raises(FlowFailed, match="use_language belongs into the flow"):
        play(make(flow), "fr")
    with pytest.raises(FlowFailed, match=r"test_facts\.py:\d+.*InvalidInput"):
        begin(make(wrong))


def test_sentences_can_be_had_while_an_answer_is_checked() -> None:
    """In the conversation's language."""

    async def flow(c: Conversation) -> None:
        await c.ask("n", "?", check=lambda _: c.t("How many?"))

    server = Server(make(flow, translations=WORDS))
    server.start(language="fr")

    assert "Combien ?\n\n?" == body(server.say("x"))


async def linking(c: Conversation) -> None:
    """Offer a code, take one, and part; answers between them."""
    code = c.offer_link()
    typed = await c.ask("typed", code)
    await c.ask("sure", f"{c.redeem_link(typed)}, {code}")
    c.unlink()
    await c.ask("last", code)


def test_links_are_asked_for_once() -> None:
    """However often the flow is rebuilt: the code it showed is the one that was offered."""
    for server in both(make(linking), "1234 5678", "yes"):
        code = body(server.live.remind())

        assert 8 == len(code)
        assert code.isdigit()
        assert (
            LinkRequest(LinkStep.OFFER, code),
            LinkRequest(LinkStep.CLAIM, "12345678"),
            LinkRequest(LinkStep.RELEASE),
        ) == server.links


def test_what_is_no_code_is_not_tried() -> None:
    """The flow hears so, also when it is rebuilt."""
    for server in both(make(linking), "12345"):
        assert body(server.live.remind()).startswith("False, ")
        assert [LinkStep.OFFER] == [one.step for one in server.links]


def test_codes_are_as_long_as_they_are() -> None:
    """Also those that begin with zeros."""

    async def flow(c: Conversation) -> None:
        await c.say(" ".join(c.offer_link() for _ in range(4)))

    _, output = begin(make(flow))
    (said,) = messages(output)

    assert [8] * 4 == [len(code) for code in said.split()]
    assert 4 == len(set(said.split()))


@pytest.mark.parametrize("swallows", [False, True])
def test_links_are_asked_for_in_the_flow_and_within_a_bound(*, swallows: bool) -> None:
    """A check runs for every try, and nobody wants five codes at once: the turn fails, also when the flow goes on."""

    async def many(c: Conversation) -> None:
        try:
            for _ in range(5):
                c.offer_link()
        except FlowFailed:
            if not swallows:
                raise
        await c.ask("a", "A?")

    async def checks(c: Conversation) -> None:
        await c.ask("a", "A?", check=c.redeem_link)

    with pytest.raises(FlowFailed, match="more than 4 steps of links"):
        begin(make(many))
    with pytest.raises(FlowFailed, match="links are asked for in the flow"):
        play(make(checks), "12345678")
