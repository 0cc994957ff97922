"""One client of the admin socket: its lines in order, one call at a time, and its watches beside them.

Whatever a client sends, it costs at most one line of memory and one running call; whatever it does not read, one
answer and the bounded queues of its watches.
"""

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import trio

from sessiond import telemetry
from sessiond.core.operations import Node, UnknownTarget
from sessiond.core.structuring import nearest, structure
from sessiond.edges.admin.faults import Fault, FaultCode, fault_of
from sessiond.edges.admin.messages import (
    MAX_LINE_BYTES,
    TOO_LONG,
    Call,
    Line,
    answer,
    parse_line,
    refusal,
    to_line,
)
from sessiond.edges.admin.method import Method
from sessiond.edges.admin.methods import METHODS
from sessiond.edges.admin.plain import to_plain
from sessiond.edges.admin.settings import AdminSettings
from sessiond.edges.admin.watch import Watch, WatchFilter, run_watch

__all__ = ["AdminClient"]

#: Watches of one connection; a program that wants more filters itself.
MAX_WATCHES: Final = 8

#: A client that takes no bytes for so long is gone for us; its answers are not kept for it.
WRITE_SECONDS: Final = 10.0

_READ_BYTES: Final = 64 * 1024
_log: Final = logging.getLogger("sessiond.edges.admin")


class AdminClient:
    """Serves one accepted connection; *uid* is who is at its other end."""

    def __init__(
        self, stream: trio.abc.Stream, node: Node, settings: AdminSettings, uid: int | None
    ) -> None:
        self._stream = stream
        self._node = node
        self._settings = settings
        self._uid = uid
        self._writing = trio.Lock()
        self._watches: dict[int, trio.CancelScope] = {}
        self._last_watch = 0
        self._nursery: trio.Nursery | None = None

    @property
    def uid(self) -> int | None:
        """Who is at the other end."""
        return self._uid

    async def serve(self) -> None:
        """Answer until the client has closed or is gone; cancelled, a running call may or may not be carried out."""
        try:
            async with aclosing(self._lines()) as lines, trio.open_nursery() as self._nursery:
                async for line in lines:
                    await self._serve_line(parse_line(line) if line is not None else TOO_LONG)
                self._nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client is gone; what it asked for is done

    # -------------------------------------------------------------------------------------------- lines

    async def _lines(self) -> AsyncGenerator[bytes | None, None]:
        """Give each line once, ``None`` for one that is too long; the last one needs no line's end."""
        buffer = bytearray()
        is_too_long = False
        searched = 0
        while chunk := await self._stream.receive_some(_READ_BYTES):
            buffer += chunk
            while (end := buffer.find(b"\n", searched)) >= 0:
                line = bytes(buffer[:end])
                del buffer[: end + 1]
                searched = 0
                if is_too_long or len(line) > MAX_LINE_BYTES:
                    is_too_long = False
                    yield None
                elif line.strip():
                    yield line
            if len(buffer) > MAX_LINE_BYTES:
                is_too_long = True
                buffer.clear()
            searched = len(buffer)
        if is_too_long:
            yield None
        elif buffer.strip():
            yield bytes(buffer)

    async def _serve_line(self, line: Line) -> None:
        answers = []
        for item in line.items:
            if isinstance(item, Call):
                reply = await self._serve_call(item)
                if not item.is_notification:
                    answers.append(reply)
            else:
                answers.append(refusal(item.id, item.fault))
        if answers:
            await self._send(answers if line.is_batch else answers[0])

    async def _send(self, message: object) -> None:
        """Write one line; a client that does not take it in time is gone."""
        data = to_line(message)
        async with self._writing:
            with trio.move_on_after(WRITE_SECONDS) as scope:
                await self._stream.send_all(data)
        if scope.cancelled_caught:
            raise trio.BrokenResourceError("the client does not read")

    # -------------------------------------------------------------------------------------------- calls

    async def _serve_call(self, call: Call) -> dict[str, object]:
        started = time.monotonic()
        method = METHODS.get(call.method)
        fault: Fault | None = None
        result: object = None
        try:
            if method is None:
                message = f"there is no such method{nearest(call.method, METHODS)}"
                raise Fault(FaultCode.METHOD_NOT_FOUND, message)
            result = await self._run(method, call)
        except Fault as error:
            fault = error
        except Exception as error:  # noqa: BLE001 -- translated by a table; what is not in it is logged
            fault = fault_of(error)
            if fault.code is FaultCode.INTERNAL_ERROR:
                _log.exception("admin method %s failed", call.method)
        telemetry.emit(
            "admin.called",
            {"duration": time.monotonic() - started},
            {"method": method.name if method else "?", "uid": self._uid, "ok": fault is None},
        )
        return answer(call.id, result) if fault is None else refusal(call.id, fault)

    async def _run(self, method: Method, call: Call) -> object:
        params = structure(call.params, method.params)
        with trio.move_on_after(self._settings.request_seconds):
            return to_plain(await method.run(self._node, self, params))
        raise Fault(FaultCode.TIMEOUT, "no answer in time", {"applied": None})

    # ------------------------------------------------------------------------------------------ watches

    def start_watch(self, wanted: WatchFilter) -> int:
        """Begin to send events; returns the watch's number.

        Raises:
          Fault: this connection has too many.
          InvalidInput: no event can pass the filter.

        """
        if len(self._watches) >= MAX_WATCHES:
            raise Fault(FaultCode.TOO_MANY, f"a connection has at most {MAX_WATCHES} watches")
        assert self._nursery is not None
        self._last_watch += 1
        watch = Watch(self._last_watch, wanted, self._settings.watch_queue)
        self._watches[watch.number] = trio.CancelScope()
        # Attached here and not in its task: nothing that happens after the answer is missed.
        self._nursery.start_soon(self._watch, watch, watch.attach(), self._watches[watch.number])
        return watch.number

    async def _watch(self, watch: Watch, detach: telemetry.Detach, scope: trio.CancelScope) -> None:
        with scope:
            await run_watch(watch, detach, self._send)

    def cancel_watch(self, number: int) -> None:
        """End a watch; at most what is being written now still comes.

        Raises:
          UnknownTarget: this connection has no such watch.

        """
        scope = self._watches.pop(number, None)
        if scope is None:
            raise UnknownTarget("this connection has no such watch")
        scope.cancel()
