"""What the official Socket.IO Redis emitter (version 5) publishes."""

import msgpack

from .redis import Redis
from .sio import NAMESPACE


class Emitter:
    """`key` is the official option: the prefix of the channels."""

    def __init__(self, redis: Redis, *, key: str = "socket.io"):
        self.redis, self.key = redis, key

    def emit(self, *event, rooms: list[str] = (), without: list[str] = (), nsp: str = NAMESPACE) -> int:
        """How many event loops of replicas got it."""
        packet = {"type": 2, "data": list(event), "nsp": nsp}
        body = ["emitter", packet, {"rooms": list(rooms), "flags": {}, "except": list(without)}]
        return self.publish(self.channel(*rooms), msgpack.packb(body))

    def channel(self, *rooms: str) -> str:
        """A single room has a channel of its own; several share the namespace's with none."""
        return f"{self.key}#{NAMESPACE}#" + (f"{rooms[0]}#" if len(rooms) == 1 else "")

    def publish(self, channel: str, body: bytes) -> int:
        return self.redis("PUBLISH", channel, body)
