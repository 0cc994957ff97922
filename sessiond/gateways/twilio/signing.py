"""Who called us: Twilio signs the address that it called and what it sent ("Secure webhooks").

HMAC-SHA1, in Base64, over the whole address and, of a form, each parameter's name and value, sorted. Of a body in JSON
the address holds its SHA-256 (``bodySHA256``) and is all that is signed. The port is in the address or not, as Twilio
pleases, so both are tried, as Twilio's own libraries do.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from typing import Final

from sessiond.core.gateways.fields import FORM, JSON
from sessiond.core.gateways.messages import ProviderRequest
from sessiond.gateways.twilio.form import Pairs, read_pairs

__all__ = ["SIGNATURE", "is_signed", "signature", "signer_of"]

SIGNATURE: Final = "x-twilio-signature"
_BODY_HASH: Final = "bodySHA256"
_ADDRESS: Final = re.compile(r"(https?)://([^/?#]*?)(?::([0-9]{1,5}))?([/?#].*)?", re.DOTALL)
_PORTS: Final = {"https": "443", "http": "80"}


def signature(url: str, pairs: Pairs, token: str) -> str:
    """Sign as Twilio does; a name that came twice has each of its values once."""
    return base64.b64encode(_digest(signer_of(token), url, _joined(pairs))).decode()


def signer_of(token: str) -> hmac.HMAC:
    """Make what signs with *token*; it is copied for each signature.

    With it, and the fields joined once, looking at a signature takes 35 µs; 42 with ``hmac.digest`` *(measured)*.
    """
    return hmac.new(token.encode(), digestmod="sha1")


def is_signed(request: ProviderRequest, signers: Sequence[hmac.HMAC]) -> bool:
    """Compare with what each of *signers* signs, in the same time whichever is right."""
    given = _given(request)
    pairs = _signed_pairs(request)
    if given is None or pairs is None:
        return False
    fields = _joined(pairs)
    digests = [
        _digest(signer, url, fields) for url in _addresses(request.url) for signer in signers
    ]
    return sum(hmac.compare_digest(digest, given) for digest in digests) > 0


def _given(request: ProviderRequest) -> bytes | None:
    try:
        return base64.b64decode(request.headers.get(SIGNATURE, ""), validate=True)
    except (binascii.Error, ValueError):
        return None


def _signed_pairs(request: ProviderRequest) -> Pairs | None:
    """Give the parameters that are signed; ``None``: nothing here can be."""
    if request.media_type == FORM:
        return read_pairs(request.body)
    if request.media_type != JSON:
        return None
    named = (request.parameter(_BODY_HASH) or "").lower().encode(errors="surrogatepass")
    found = hashlib.sha256(request.body).hexdigest().encode()
    return () if hmac.compare_digest(named, found) else None


def _addresses(url: str) -> Iterable[str]:
    parts = _ADDRESS.fullmatch(url)
    if parts is None:
        return (url,)
    scheme, host, port, rest = parts.groups(default="")
    return (f"{scheme}://{host}{rest}", f"{scheme}://{host}:{port or _PORTS[scheme]}{rest}")


def _joined(pairs: Pairs) -> str:
    return "".join([name + value for name, value in sorted(set(pairs))])


def _digest(signer: hmac.HMAC, url: str, fields: str) -> bytes:
    signing = signer.copy()
    signing.update((url + fields).encode(errors="surrogatepass"))
    return signing.digest()
