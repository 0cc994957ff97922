"""What orchestrators and Prometheus ask: alive, ready, how much.

``/healthz`` says that this process answers; restart it when it does not. ``/readyz`` says whether
new work should be sent here, with the reasons why not. ``/metrics`` fails closed: only loopback may
read it until a token is set or it is made public.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import field, frozen
from attrs.validators import min_len, optional

from sessiond.core.codes import ErrorCode
from sessiond.core.described import ERROR, RETRY_AFTER, Credential, Form, Operation, Reply, failure
from sessiond.edges.http.answers import error_answer, json_answer
from sessiond.edges.http.peers import from_loopback
from sessiond.edges.http.router import Route
from sessiond.net.messages import Request, Response

__all__ = ["Health", "HealthSettings"]

#: The Prometheus text format, which prometheus-client's ``generate_latest`` writes.
_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_SCHEME: Final = "bearer"


@frozen(kw_only=True)
class HealthSettings:
    """Who may read the metrics."""

    metrics_token: str | None = field(default=None, repr=False, validator=optional(min_len(16)))
    """When set, ``Authorization: Bearer <token>`` is needed, from loopback too. At least 16
    characters."""
    metrics_public: bool = False
    """Let everybody read the metrics; they hold no user data, but tell how busy you are."""


def _status(name: str, word: str) -> Form:
    return Form(
        name,
        {"type": "object", "properties": {"status": {"const": word}}, "required": ["status"]},
    )


_ALIVE: Final = Operation(
    summary="Is the process alive?",
    says="Restart it when it does not answer.",
    replies={200: Reply(says="It answers.", forms=(_status("Alive", "ok"),))},
)

_NOT_READY: Final = Form(
    "NotReady",
    {
        "description": "Why new work should go elsewhere.",
        "allOf": [{"$ref": f"#/components/schemas/{ERROR.name}"}],
        "properties": {"reasons": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
        "required": ["reasons"],
    },
)

_READY: Final = Operation(
    summary="May new work be sent here?",
    replies={
        200: Reply(says="It may.", forms=(_status("Ready", "ready"),)),
        503: Reply(says="It may not.", forms=(_NOT_READY,), headers=RETRY_AFTER),
    },
)


def _metrics_of(settings: HealthSettings) -> Operation:
    token = Credential("metrics", {"type": "http", "scheme": "bearer"})
    needs_token = settings.metrics_token is not None
    refused = {
        401: failure("The metrics token is needed.", {"WWW-Authenticate": {"const": "Bearer"}}),
    }
    elsewhere = {403: failure("Metrics are for this machine, or need a token.")}
    page = Reply(
        says="The Prometheus text format.",
        forms=(Form("Metrics", {"type": "string"}),),
        media_type="text/plain",
    )
    others = refused if needs_token else {} if settings.metrics_public else elsewhere
    return Operation(
        summary="How much: metrics for Prometheus",
        replies={200: page} | others,
        credentials=(token,) if needs_token else (),
    )


class Health:
    """The three pages. *not_ready* gives the reasons against new work; *metrics* the page."""

    def __init__(
        self,
        settings: HealthSettings,
        *,
        not_ready: Callable[[], Sequence[str]],
        metrics: Callable[[], bytes],
    ) -> None:
        self._settings = settings
        self._not_ready = not_ready
        self._metrics = metrics

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of the three pages."""
        return (
            Route("GET", "/healthz", self._healthz, describes=_ALIVE),
            Route("GET", "/readyz", self._readyz, describes=_READY),
            Route("GET", "/metrics", self._metrics_page, describes=_metrics_of(self._settings)),
        )

    async def _healthz(self, _request: Request, _parameters: Mapping[str, str]) -> Response:
        return json_answer(200, {"status": "ok"})

    async def _readyz(self, _request: Request, _parameters: Mapping[str, str]) -> Response:
        if reasons := list(self._not_ready()):
            return error_answer(
                ErrorCode.UNAVAILABLE, "this node takes no new work", details={"reasons": reasons}
            )
        return json_answer(200, {"status": "ready"})

    async def _metrics_page(self, request: Request, _parameters: Mapping[str, str]) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        headers = (("content-type", _METRICS_TYPE), ("cache-control", "no-store"))
        return Response(200, headers, self._metrics())

    def _refusal(self, request: Request) -> Response | None:
        token = self._settings.metrics_token
        if token is not None:
            if _bears(request, token):
                return None
            return error_answer(
                ErrorCode.UNAUTHORIZED,
                "the metrics token is needed",
                headers=(("www-authenticate", "Bearer"),),
            )
        if self._settings.metrics_public or from_loopback(request):
            return None
        return error_answer(ErrorCode.FORBIDDEN, "metrics are for loopback, or need a token")


def _bears(request: Request, token: str) -> bool:
    scheme, _, given = (request.header("authorization") or "").partition(" ")
    same = hmac.compare_digest(given.strip().encode(), token.encode())
    return same and scheme.lower() == _SCHEME
