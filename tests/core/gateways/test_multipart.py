"""Forms with a file (sessiond/core/gateways/multipart.py)."""

import email
import email.policy

from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.gateways.messages import LocalFile
from sessiond.core.gateways.multipart import multipart

PNG = LocalFile(path="/srv/a.png", mime_type="image/png", name="a.png")


def read(body: bytes, media_type: str) -> dict[str, tuple[str | None, str, bytes]]:
    """Parse the form with the standard library's reader of MIME: name to filename, type and bytes."""
    head = f"Content-Type: {media_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    fields = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        name = str(part.get_param("name", header="content-disposition"))
        fields[name] = part.get_filename(), part.get_content_type(), content
    return fields


@given(
    st.dictionaries(st.sampled_from(["chat_id", "caption", "type"]), st.text(max_size=60)),
    st.binary(min_size=1, max_size=200),
    st.text(max_size=20),
)
def test_a_form_has_all_of_its_parts(fields: dict[str, str], content: bytes, name: str) -> None:
    """Whatever they hold, and whatever the file is called; its bytes are as they were."""
    file = LocalFile(path="/srv/a", mime_type="application/pdf", name=name)
    body, media_type = multipart(fields, "document", file, content)

    assert {*fields, "document"} == set(read(body, media_type))
    assert content in body
    boundary = media_type.partition("boundary=")[2].encode()
    assert len(fields) + 2 == body.count(b"--" + boundary)


def test_a_file_has_its_name_and_type() -> None:
    """A name with marks that would end it has others."""
    body, media_type = multipart({"chat_id": "5512"}, "photo", PNG, b"\x89PNG")
    assert ("a.png", "image/png", b"\x89PNG") == read(body, media_type)["photo"]

    evil = LocalFile(path="/srv/a", mime_type="image/png", name='a"\r\nx: y\\')
    body, media_type = multipart({}, "photo", evil, b"x")
    assert ("a___x: y_", "image/png", b"x") == read(body, media_type)["photo"]


def test_nobody_can_put_the_boundary_into_a_form() -> None:
    """It is made of all that is in it: who writes an earlier one into a text gets another one."""
    _, first = multipart({"caption": "hi"}, "photo", PNG, b"x")
    boundary = first.partition("boundary=")[2]
    body, second = multipart({"caption": f"\r\n--{boundary}--"}, "photo", PNG, b"x")

    assert first != second
    assert {"caption", "photo"} == set(read(body, second))
    assert multipart({"caption": "hi"}, "photo", PNG, b"x") == multipart(
        {"caption": "hi"}, "photo", PNG, b"x"
    )
