"""A connection to Redis for what redis-cli cannot send: bytes, and many commands at once."""

import socket


class Redis:
    def __init__(self, host: str, port: int):
        self._socket = socket.create_connection((host, port), 10)
        self._replies = self._socket.makefile("rb")

    def __call__(self, *words: str | bytes | int):
        """The reply of one command."""
        return self.pipeline([words])[0]

    def pipeline(self, commands: list[tuple]) -> list:
        """The replies of commands that are sent without waiting in between."""
        self._socket.sendall(b"".join(_command(words) for words in commands))
        return [self._reply() for _ in commands]

    def close(self) -> None:
        self._replies.close()
        self._socket.close()

    def __enter__(self) -> "Redis":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _reply(self):
        line = self._replies.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        match kind:
            case b"+":
                return rest
            case b":":
                return int(rest)
            case b"$":
                return None if rest == b"-1" else self._replies.read(int(rest) + 2)[:-2]
            case b"*":
                return [self._reply() for _ in range(int(rest))]
            case _:
                raise AssertionError(f"Redis answers {line!r}")


def _command(words: tuple) -> bytes:
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"".join([b"*%d\r\n" % len(parts), *(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)])
