"""Where providers call: one path per account, ``/gateways/<account>`` unless the settings say otherwise.

Checked in this order, so that nobody whom the provider did not send learns anything or costs much: the address at the
other end; the size of the body (net/http1.py, then the gateway); who sent it, on the raw bytes; what it holds; who the
persons are.

**Answering** gateways are answered with what the person is shown (gateway_answers.py). **Calling** gateways are
acknowledged once everything that the request holds is durable in the inboxes of the persons, in its order; with the
store away the answer is 503, and the provider sends all of it again: what was accepted already is known by its id.

What is about nobody we could find is told to operators by its kind, and dropped.

An account takes the methods that its kind describes; one that describes nothing is asked about POST and GET.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from attrs import evolve, frozen

from sessiond import telemetry
from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.described import Reply
from sessiond.core.errors import InvalidInput, SessiondError
from sessiond.core.gateways.accounts import Account
from sessiond.core.gateways.arrivals import Arrived, Heard, Notice, StatusUpdate
from sessiond.core.gateways.described import Operations
from sessiond.core.gateways.identities import Identities
from sessiond.core.gateways.inbox_bodies import arrival_digest, encode_arrived
from sessiond.core.gateways.messages import ProviderAnswer, ProviderRequest
from sessiond.core.gateways.port import AnsweringGateway
from sessiond.core.gateways.refusals import CREDENTIALS, Check, check_of_error, check_of_status
from sessiond.core.ids import UserId, partition_of
from sessiond.core.ports import Clock, Entropy
from sessiond.core.records import Arrival, Receipt, ReceiptStatus
from sessiond.edges.http.answers import Explained, error_answer, explain
from sessiond.edges.http.failures import failures
from sessiond.edges.http.gateway_answers import Answers, Directory
from sessiond.edges.http.peers import Network, is_within, parse_network
from sessiond.edges.http.router import Route
from sessiond.net.messages import Request, Response

__all__ = ["GatewayDoor", "Intake"]

#: What providers send with: a gateway that is not described answers what it does not take.
_UNDESCRIBED: Final[Mapping[str, None]] = {"POST": None, "GET": None}

_ELSEWHERE: Final = (ErrorCode.FORBIDDEN, "Requests are not taken from this address.")

_CALLING: Final = (
    (ErrorCode.BAD_REQUEST, "The body is not what the provider sends."),
    (ErrorCode.FORBIDDEN, "It is for another account, or not taken from this address."),
    (ErrorCode.OVERLOADED, "Too much waits; the provider sends it again."),
    (ErrorCode.UNAVAILABLE, "The store is away; the provider sends it again."),
    (ErrorCode.DRAINING, "The server is being stopped; the provider sends it again."),
)

_NAMES: Final[Mapping[type, str]] = {Heard: "heard", StatusUpdate: "status", Notice: "notice"}

#: So that two messages without id and time are two.
_SALT_BYTES: Final = 16

#: For so long Meta sends again what was not acknowledged; the others stop earlier.
_REPEATS_SECONDS: Final = 7 * 86_400.0

_UNAUTHORIZED: Final = frozenset({401, 403})


class Intake(Protocol):
    """What the door needs of the runtime (runtime/intake.py)."""

    async def accept_all(self, arrivals: Sequence[Arrival]) -> tuple[Receipt, ...]:
        """Make the inputs durable and tell the actors; raises ``StoreUnavailable``, ``Refused``."""
        ...


class GatewayDoor:
    """The door. *scheme* is that of our addresses, for accounts without a ``public_url``. Without accounts it has no
    routes and needs no *keys*. *operations* describe what an account takes, by its name.

    Raises:
      InvalidInput: the secret that persons are hashed with (*keys*), or a network, is unusable; says which.

    """

    def __init__(
        self,
        accounts: Mapping[str, Account],
        *,
        keys: SessionKeySettings,
        intake: Intake,
        directory: Directory,
        clock: Clock,
        entropy: Entropy,
        scheme: str = "http",
        operations: Mapping[str, Operations] = MappingProxyType({}),
    ) -> None:
        self._operations = operations
        self._doors: tuple[_AccountDoor, ...] = ()
        if not accounts:
            return
        identities = Identities(keys)
        answers = Answers(identities, directory=directory, clock=clock)
        shared = _Shared(identities, answers, intake, clock, entropy, scheme)
        self._doors = tuple(_AccountDoor(account, shared) for account in accounts.values())

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of all accounts; a path may be a secret, so telemetry has the account's name."""
        return tuple(route for door in self._doors for route in self._routes(door))

    def _routes(self, door: "_AccountDoor") -> Iterator[Route]:
        account = door.account
        in_front = _in_front(account)
        for method, one in (self._operations.get(account.name) or _UNDESCRIBED).items():
            yield Route(
                method,
                account.path,
                door.handle,
                describes=None if one is None else evolve(one, in_front=in_front),
                label=f"gateway:{account.name}",
                turned_down=door.turned_down,
            )


@frozen
class _Shared:
    """What the doors of all accounts use."""

    identities: Identities
    answers: Answers
    intake: Intake
    clock: Clock
    entropy: Entropy
    scheme: str


class _AccountDoor:
    """The door of one account."""

    def __init__(self, account: Account, shared: _Shared) -> None:
        self.account = account
        self._shared = shared
        self._networks: tuple[Network, ...] = tuple(
            parse_network(text) for text in account.settings.networks
        )

    async def handle(self, request: Request, _parameters: Mapping[str, str]) -> Response:
        """Answer one request of the provider. Cancelled, it may or may not have been taken: providers repeat."""
        try:
            return await self._handle(request)
        except SessiondError as error:
            explained = explain(error)
            if explained is None:
                raise
            self._refused(explained.code, check_of_error(error))
            return explained.answer()

    async def _handle(self, request: Request) -> Response:
        if self._networks and not is_within(request, self._networks):
            return self._from_elsewhere()
        asked = self._provider_request(request)
        done = self.account.gateway.check(asked)
        if done is not None:
            self._tell_refusal(done)
            return _response(done)
        if self.account.answers is not None:
            return _response(await self._answer(self.account.answers, asked))
        await self._accept(self.account.gateway.read(asked))
        return _response(self.account.gateway.acknowledge())

    # Who asks

    def _provider_request(self, request: Request) -> ProviderRequest:
        """Hand the request on; a header that came twice is not there, and fools nobody."""
        headers = dict(request.headers)
        if len(headers) < len(request.headers):
            headers = {name: value for name, value in headers.items() if request.header(name)}
        base = self.account.settings.public_url
        if not base:
            base = f"{self._shared.scheme}://{headers.get('host', '')}"
        query = f"?{request.query}" if request.query else ""
        return ProviderRequest(
            method="GET" if request.method == "HEAD" else request.method,
            url=f"{base}{request.path}{query}",
            path=request.path,
            query=request.query,
            headers=headers,
            body=request.body,
            received_at=self._shared.clock.now(),
        )

    def _from_elsewhere(self) -> Response:
        self._refused(ErrorCode.FORBIDDEN, Check.NETWORK)
        return error_answer(ErrorCode.FORBIDDEN, "requests are not taken from this address")

    def _tell_refusal(self, done: ProviderAnswer) -> None:
        """Tell operators; an answer that is no refusal to the caller may be one all the same (``drops_unsigned``)."""
        check = done.check
        if check is None:
            if done.status < 400:
                return
            check = check_of_status(done.status)
        if done.status in _UNAUTHORIZED or check in CREDENTIALS:
            reason = f"{self.account.name}: {check}"
            telemetry.emit("auth.refused", {}, {"door": "gateway", "reason": reason})
        self._refused(str(done.status), check)

    def turned_down(self, status: int) -> None:
        """Tell operators of a request that did not come as far as here."""
        self._refused(str(status), check_of_status(status))

    def _refused(self, code: str, check: Check) -> None:
        about = {"account": self.account.name, "code": code, "check": check}
        telemetry.emit("gateway.refused", {}, about)

    # Answering gateways

    async def _answer(self, gateway: AnsweringGateway, asked: ProviderRequest) -> ProviderAnswer:
        """Answer whoever waits at the provider; what goes wrong is answered in the provider's form too."""
        failed = self.account.settings.failed_text
        try:
            arrived = gateway.read(asked)
            heard = [one for one in arrived if isinstance(one, Heard)]
            if len(heard) < len(arrived):
                await self._accept([one for one in arrived if not isinstance(one, Heard)])
            if not heard or heard[-1].hangs_up:
                return gateway.acknowledge()
            return await self._shared.answers.answer(self.account, gateway, heard)
        except InvalidInput as error:
            self._refused(ErrorCode.BAD_REQUEST, check_of_error(error))
            return gateway.refuse(asked, failed, reason=str(error))
        except SessiondError as error:
            explained = explain(error) or Explained(ErrorCode.INTERNAL_ERROR, "")
            self._refused(explained.code, check_of_error(error))
            return gateway.refuse(asked, failed)

    # Calling gateways

    async def _accept(self, arrived: Sequence[Arrived]) -> None:
        """Have everything that is about somebody accepted, in order."""
        found = list(self._addressed(arrived))
        if not found:
            return
        receipts = await self._shared.intake.accept_all([arrival for _, arrival in found])
        for (name, arrival), receipt in zip(found, receipts, strict=True):
            is_new = receipt.status is ReceiptStatus.ACCEPTED
            about = {"user": arrival.user, "account": self.account.name, "type": name}
            telemetry.emit("gateway.accepted" if is_new else "gateway.duplicate", {}, about)

    def _addressed(self, arrived: Sequence[Arrived]) -> Iterator[tuple[str, Arrival]]:
        """Find whom each is about; one that is about nobody does not hold up the others."""
        for one in arrived:
            try:
                yield _NAMES[type(one)], self._arrival(one)
            except InvalidInput:
                kind = one.kind if isinstance(one, Notice) else _NAMES[type(one)]
                telemetry.emit("gateway.noted", {}, {"account": self.account.name, "kind": kind})

    def _arrival(self, arrived: Arrived) -> Arrival:
        """Make the inbox entry of what arrived.

        Raises:
          InvalidInput: it is about nobody.

        """
        user, told = self._person(arrived)
        shared = self._shared
        kind, body = self.account.kind, encode_arrived(told)
        digest = arrival_digest(kind, told, body, shared.entropy.token(_SALT_BYTES))
        at = shared.clock.now()
        return Arrival(user, partition_of(user), digest, kind, body, at, _REPEATS_SECONDS)

    def _person(self, arrived: Arrived) -> tuple[UserId, Arrived]:
        identities, name = self._shared.identities, self.account.name
        if isinstance(arrived, Heard):
            return identities.introduce(arrived, name)
        person = arrived.recipient if isinstance(arrived, StatusUpdate) else arrived.about
        return identities.find(person, self.account.gateway.platform, name), arrived


def _in_front(account: Account) -> Mapping[int, Reply]:
    """Describe what the door answers itself, in the form of all errors."""
    if account.answers is None:
        return failures(_CALLING)
    return failures((_ELSEWHERE,)) if account.settings.networks else {}


def _response(answer: ProviderAnswer) -> Response:
    headers = (("content-type", answer.media_type), ("cache-control", "no-store"))
    return Response(answer.status, headers, answer.body)
