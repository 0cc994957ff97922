"""What the kinds of gateways say of their requests is what providers send, and what we answer."""

from typing import Any

import msgspec
import pytest
from attrs import evolve
from msgspec.structs import replace

from sessiond.config.gateway_kinds import BUILT_IN
from sessiond.core.described import Operation
from sessiond.core.gateways.messages import ProviderRequest
from sessiond.core.gateways.port import AnsweringGateway
from tests.gateways.descriptions import answer_faults, request_faults
from tests.gateways.recorded import exchanges, only

TOKEN = "0123456789abcdef"
ANSWERING = ("nalo", "nsano", "africastalking", "http")
RECORDED = [(kind, name) for kind in ANSWERING for name in exchanges(kind)]
CALLING: dict[str, dict[str, Any]] = {
    "whatsapp": {
        "phone_number_id": "1",
        "access_token": "t",
        "verify_token": "v",
        "app_secrets": ("s",),
    },
    "telegram": {"bot_token": f"1:{TOKEN}", "secret_tokens": (TOKEN,)},
    "twilio": {
        "account_sid": "AC" + "0" * 32,
        "auth_tokens": (TOKEN,),
        "messaging_service_sid": "MG" + "0" * 32,
    },
}


def operations_of(kind: str, **own: Any) -> dict[str, Operation]:
    found = BUILT_IN[kind]
    assert found.describe is not None
    own = CALLING.get(kind, {"tokens": (TOKEN,)}) | own
    return dict(found.describe(found.settings(**own)))


def answering(kind: str) -> AnsweringGateway:
    found = BUILT_IN[kind]
    gateway = found.open(found.settings(tokens=(TOKEN,)))
    assert isinstance(gateway, AnsweringGateway)
    return gateway


@pytest.mark.parametrize(("kind", "name"), RECORDED)
def test_recorded_requests_are_as_described(kind: str, name: str) -> None:
    """Each one that a provider has sent is one that the description lets in."""
    assert [] == request_faults(operations_of(kind), exchanges(kind)[name].request)


@pytest.mark.parametrize(("kind", "name"), RECORDED)
def test_our_answers_are_as_described(kind: str, name: str) -> None:
    """The next screen, the last one, and the answer to what cannot be read."""
    gateway, request = answering(kind), exchanges(kind)[name].request
    heard = [one for one in gateway.read(request) if type(one).__name__ == "Heard"]
    written = [
        *(
            gateway.answer(only([one]), "Hi", is_last=last)
            for one in heard
            for last in (True, False)
        ),
        gateway.refuse(request, "Sorry.", reason="phone is missing"),
        gateway.refuse(replace(request, body=b"\xff"), "Sorry."),
    ]

    assert [] == [line for one in written for line in answer_faults(operations_of(kind), one)]


@pytest.mark.parametrize("kind", BUILT_IN)
def test_the_example_is_as_described(kind: str) -> None:
    """And every kind has a description, with an example to send."""
    for operation in operations_of(kind).values():
        if operation.body is None:
            continue
        for media_type in operation.body.forms:
            body = msgspec.json.encode(operation.body.example)
            request = ProviderRequest(
                method="POST",
                url="",
                path="",
                headers={"content-type": "application/json"},
                body=body,
            )
            form = operation.body.forms[media_type]
            described = {
                "POST": evolve(
                    operation, body=evolve(operation.body, forms={"application/json": form})
                )
            }
            assert [] == request_faults(described, request)


@pytest.mark.parametrize("kind", BUILT_IN)
def test_the_refusals_are_described(kind: str) -> None:
    """What ``check`` answers to strangers, to a wrong type and to too much is among the replies, in this form."""
    found = BUILT_IN[kind]
    own = CALLING.get(kind, {"tokens": (TOKEN,)})
    gateway, operations = found.open(found.settings(**own)), operations_of(kind)
    for headers, body in (
        ({"content-type": "application/json"}, b"{}"),
        ({"content-type": "image/png"}, b""),
        ({"content-type": "application/json"}, b" " * 5 * 1024 * 1024),
    ):
        request = ProviderRequest(
            method="POST", url="https://x/", path="/", headers=headers, body=body
        )
        refused = gateway.check(request)
        assert refused is not None
        assert [] == answer_faults(operations, refused)


def test_no_secret_is_described() -> None:
    """The tokens of an account are nowhere in what it says of itself."""
    secrets = {TOKEN, "app-secret-of-ours", "verify-token-of-ours"}
    told = [
        repr(operations_of(kind, **more))
        for kind, more in {
            "nalo": {},
            "http": {},
            "telegram": {},
            "twilio": {},
            "whatsapp": {
                "verify_token": "verify-token-of-ours",
                "app_secrets": ("app-secret-of-ours",),
            },
        }.items()
    ]

    assert [] == [secret for secret in secrets for text in told if secret in text]


def test_who_is_open_asks_for_nothing() -> None:
    """No credential, and nobody is refused for the want of one."""
    operation = operations_of("nalo", tokens=(), open=True)["POST"]

    assert () == operation.credentials
    assert 401 not in operation.replies


def test_a_provider_that_puts_everything_into_the_address() -> None:
    """Africa's Talking's relatives with GET: the fields are parameters, of which a request needs the same."""
    described = operations_of("africastalking", method="GET")
    query = "sessionId=s&phoneNumber=%2B254711000001&text=1"
    request = ProviderRequest(method="GET", url="", path="", query=query)

    assert ["GET"] == list(described)
    assert [] == request_faults(described, request)
    assert 1 == len(request_faults(described, replace(request, query="sessionId=s")))
