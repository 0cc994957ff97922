"""What people sent, fetched (sessiond/gateways/twilio/media.py)."""

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.media import DownloadFailed, DownloadProblem
from sessiond.core.gateways.messages import ProviderResponse
from sessiond.gateways.twilio.media import address_call, download_call
from tests.gateways.twilio.webhooks import ACCOUNT, MESSAGE, settings

OURS = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/"
URL = f"{OURS}Messages/{MESSAGE}/Media/ME1"
FILE = "https://mms.twiliocdn.com/AC/x?Expires=1&Signature=y"


def leading(url: str = FILE, status: int = 307) -> ProviderResponse:
    return ProviderResponse(status=status, headers={"location": url})


def test_our_account_is_asked_with_our_credentials() -> None:
    """At the address that the webhook had."""
    call = address_call(URL, OURS)

    assert ("GET", URL, "Basic {basic}") == (call.method, call.url, call.headers["authorization"])


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://evil.example/x",
        URL.replace("https", "http"),
        URL.replace(ACCOUNT, "AC" + "f" * 32),
        f"{URL} x",
        f"{URL}{{basic}}",
        f"{OURS}../AC{'f' * 32}/Messages/x",
        f"https://api.twilio.com@evil.example/{ACCOUNT}",
    ],
)
def test_nobody_else_is_asked(url: str) -> None:
    """Our credentials are for our account alone."""
    with pytest.raises(DownloadFailed, match="our account") as failed:
        address_call(url, OURS)

    assert failed.value.problem is DownloadProblem.REFUSED


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_file_is_where_the_answer_leads(status: int) -> None:
    """It does not want our credentials, and is not told them."""
    call = download_call(leading(status=status), settings())

    assert ("GET", FILE, {}) == (call.method, call.url, call.headers)


@pytest.mark.parametrize(
    "url",
    ["http://mms.twiliocdn.com/x", "https://evil.example/x", "https://10.0.0.1/x",
     "https://ec2-1-2-3-4.compute-1.amazonaws.com/x", "/2010-04-01/x"],
)  # fmt: skip
def test_it_is_at_twilios_hosts(url: str) -> None:
    """Whatever the answer says: nothing of ours is called."""
    with pytest.raises(DownloadFailed, match="no host of Twilio's") as failed:
        download_call(leading(url), settings())

    assert failed.value.problem is DownloadProblem.REFUSED


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (leading(status=404), "expired"),
        (leading(status=410), "expired"),
        (leading(status=401), "refused"),
        (leading(status=429), "unavailable"),
        (leading(status=500), "unavailable"),
        (leading(status=200, url=""), "unavailable"),
        (leading(""), "unavailable"),
        (ProviderResponse(status=307), "unavailable"),
    ],
)
def test_what_leads_nowhere_says_what_can_be_done(answer: ProviderResponse, problem: str) -> None:
    """Deleted messages take their media along."""
    with pytest.raises(DownloadFailed) as failed:
        download_call(answer, settings())

    assert failed.value.problem == DownloadProblem(problem)


def test_other_hosts_can_be_named() -> None:
    """Twilio's own settings may keep media in a bucket of ours."""
    url = "https://media.example.com/x"

    assert url == download_call(leading(url), settings(media_hosts=("example.com",))).url


@pytest.mark.parametrize("host", ["", ".", "com", "https://example.com", "Example.com", "a b.c"])
def test_what_is_no_host_cannot_be_named(host: str) -> None:
    """Nothing would be fetched from it, or, from an empty one, anything."""
    with pytest.raises(InvalidInput, match="media_hosts are hosts"):
        settings(media_hosts=("example.com", host))
