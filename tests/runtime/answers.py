"""A reply slot that remembers what it was told."""

from __future__ import annotations


class Answer:
    """A ReplyTo for tests: *said* holds the payloads and the error codes, in order."""

    def __init__(self) -> None:
        self.said: list[bytes | str] = []

    def ok(self, payload: bytes) -> None:
        self.said.append(payload)

    def error(self, code: str, message: str, retry_after: float | None = None) -> None:
        assert message
        self.said.append(str(code))
