"""A connection without meaning: keeps what it was told, so that transports can be looked at."""

from sessiond.net.transport import Transport


class Recorder:
    """A SansIO that records; *echoes* makes it answer."""

    def __init__(self, *, echoes: bool = False) -> None:
        self.calls: list[str] = []
        self.data = b""
        self.echoes = echoes
        self.fails = False

    def connected(self, transport: Transport) -> None:
        self.transport = transport
        self.calls.append("connected")

    def data_received(self, data: bytes) -> None:
        if self.fails:
            raise RuntimeError("a bug")
        self.data += data
        if self.echoes:
            self.transport.write(data)

    def eof_received(self) -> None:
        self.calls.append("eof")
        self.transport.close()

    def too_slow(self) -> None:
        self.calls.append("slow")
        self.transport.discard_unsent()
        self.transport.write(b"bye")
        self.transport.close()

    def connection_lost(self) -> None:
        self.calls.append("lost")
