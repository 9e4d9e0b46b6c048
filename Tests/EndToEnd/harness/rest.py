"""A further edge-http with settings of its own, beside a running stack."""

from contextlib import contextmanager

from .processes import Process
from .stack import Stack, binary


@contextmanager
def edge_http(stack: Stack, name: str, **env):
    """Yields the process, with its port as `port`; a setting that is None is left out."""
    settings = {**stack.http.env, "INSTANCE": name, "APP_PORT": 0, "HTTP_ADMIN_PORT": 0, **env}
    process = Process(name, [binary("edge-http")], stack.folder / name, {k: v for k, v in settings.items() if v is not None})
    try:
        process.start()
        process.port = int(process.wait_log("listening")["port"])
        process.admin = int(process.wait_log("admin listening")["port"])
        stack.admin[name] = process.admin
        stack.wait_ready(process)
        # It is ready without Redis, and lets requests pass that it cannot count.
        process.wait_log("redis connected")
        yield process
    finally:
        stack.admin.pop(name, None)
        process.stop()
