"""A further bridge with settings of its own, beside a running stack."""

from collections.abc import Iterator
from contextlib import contextmanager

from .processes import Process
from .stack import Stack, binary


@contextmanager
def bridge(stack: Stack, name: str, **env) -> Iterator[Process]:
    """Yields the process, with its admin port as `admin`; its socket and its group are its own unless told otherwise."""
    process = Process(name, [binary("bridge-kafka")], stack.folder / name, {
        **stack.common, "INSTANCE": name, "KAFKA_GROUP": f"vy-gateway-{name}", "BRIDGE_ADMIN_PORT": 0,
        "BRIDGE_SOCKET": stack.folder / f"{name}.sock", **env,
    })
    try:
        process.start()
        process.admin = int(process.wait_log("admin listening")["port"])
        yield process
    finally:
        process.stop()
