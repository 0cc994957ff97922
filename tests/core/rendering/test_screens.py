"""Screens as texts (sessiond/core/rendering/screens.py)."""

import pytest

from sessiond.core.conversations.shown import encode_shown, read_shown
from sessiond.core.flows.prompts import (
    AttachmentKind,
    Choice,
    Media,
    Message,
    Output,
    Prompt,
    PromptKind,
)
from sessiond.core.rendering.screens import media_line, screen_of, without_media

SIZES = (Choice("s", "Small", 1), Choice("l", "Large", 2, "for two"))
MENU = Media(url="https://cdn.example.com/menu.png")


def asked(
    text: str = "What size?",
    choices: tuple[Choice, ...] = SIZES,
    *,
    error: str = "",
    repeats: bool = True,
    media: Media | None = None,
) -> Prompt:
    return Prompt(
        kind=PromptKind.CHOICE,
        key="size",
        screen="1",
        text=text,
        choices=choices,
        error=error,
        repeats=repeats,
        media=media,
    )


def test_parts_have_a_blank_line_between_them() -> None:
    """FlowChat's layout: media, text, numbered choices one a line."""
    output = Output(messages=(Message("Welcome!"),), prompt=asked(media=MENU))

    assert (
        "Welcome!\n\n📷 Image: https://cdn.example.com/menu.png\n\nWhat size?\n\n1. Small\n2. Large"
        == screen_of(output).text
    )


def test_offsets_of_choices() -> None:
    """Each is where its line begins."""
    screen = screen_of(Output(prompt=asked()))

    assert ["1. Small", "2. Large"] == [
        screen.text[at:].partition("\n")[0] for at in screen.choices
    ]
    assert (0, 9) == screen_of(Output(prompt=asked(text=""))).choices


def test_an_error_alone_has_no_choices() -> None:
    """An error with its question has them."""
    assert "No." == screen_of(Output(prompt=asked(error="No.", repeats=False))).text
    assert (
        "No.\n\nWhat size?\n\n1. Small\n2. Large"
        == screen_of(Output(prompt=asked(error="No."))).text
    )


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (AttachmentKind.IMAGE, "📷 Image: URL"),
        (AttachmentKind.DOCUMENT, "📄 Document: URL"),
        (AttachmentKind.AUDIO, "🎵 Audio: URL"),
        (AttachmentKind.VIDEO, "🎥 Video: URL"),
        (AttachmentKind.STICKER, "😊 Sticker: URL"),
    ],
)
def test_media_are_lines(kind: AttachmentKind, line: str) -> None:
    """FlowChat's words for each kind."""
    assert line == media_line(Media(kind=kind, url="URL"))


def test_media_without_an_address() -> None:
    """A document has its name at least; what only another gateway knows is not mentioned."""
    assert "📄 Document: bill.pdf" == media_line(
        Media(kind=AttachmentKind.DOCUMENT, id="7", filename="bill.pdf")
    )
    assert "" == media_line(Media(id="7"))
    assert "" == media_line(None)


def test_lines_are_plain() -> None:
    """Line ends are newlines, tabs blanks, and a choice has one line; marks and dial codes stay."""
    output = Output(
        messages=(Message("  Dial *920*44#\r\nor **\tthis**\r \n"),),
        prompt=asked("?", (Choice("a", "one\n two ", 1), Choice("b", "", 2))),
    )

    assert "Dial *920*44#\nor ** this**\n\n?\n\n1. one two\n2." == screen_of(output).text


def test_nothing_shown_is_an_empty_screen() -> None:
    """Neither text nor choices."""
    screen = screen_of(Output(messages=(Message(" "),)))

    assert ("", ()) == (screen.text, screen.choices)


def test_a_document_shows_what_its_output_showed() -> None:
    """Doors hand on the document of a turn."""
    output = Output(messages=(Message("Hi", MENU),), prompt=asked())
    document = encode_shown(output, key="k", flow="f")

    assert screen_of(output) == screen_of(read_shown(document))


def test_media_become_lines_where_they_cannot_be_shown() -> None:
    """What has no address is left out, and so is what then says nothing."""
    photo = Media(kind=AttachmentKind.IMAGE, url="https://example.com/a.jpg")
    output = Output(
        messages=(Message("Look.", photo), Message("", Media(id="1")), Message("Done.")),
        prompt=Prompt(kind=PromptKind.TEXT, key="k", screen="s", text="Nice?", media=photo),
    )
    plain = without_media(output)

    line = "📷 Image: https://example.com/a.jpg"
    assert [f"{line}\nLook.", "Done."] == [message.text for message in plain.messages]
    assert plain.prompt is not None
    assert (f"{line}\nNice?", None) == (plain.prompt.text, plain.prompt.media)
    assert Output(messages=(Message("Hi."),)) == without_media(Output(messages=(Message("Hi."),)))
