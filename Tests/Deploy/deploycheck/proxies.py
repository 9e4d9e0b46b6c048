"""The examples for nginx, HAProxy and Envoy, reduced to one form, and what has to be true of each."""

from dataclasses import dataclass
from pathlib import Path

from . import envoy, haproxy, nginx, systemd
from .settings import Settings


@dataclass
class Proxy:
    name: str
    path: str
    """Prefix of what goes to edge-ws."""
    http_wait: float
    """Seconds that it waits for an answer of edge-http."""
    ws_silence: list[float]
    """Seconds after which it ends a silent connection of a Socket.IO client, for each time-out that applies."""
    servers: dict[str, set[tuple[str, int]]]
    """By edge: where it listens."""
    checks: set[tuple[str, int, int, str]]
    """Of health checks: the edge, its port, the port that is asked, and the path."""
    sticky: bool
    repeats: list[str]
    """Conditions on which a request that may have been sent is sent again."""
    body_limit: int | None = None
    """Bytes."""
    keeps: str = ""
    """How it keeps connections to the edges for further requests, if it does."""
    drain: float = 0
    """Seconds that an old process goes on after a reload."""


PARSERS = {"nginx": nginx.read, "haproxy": haproxy.read, "envoy": envoy.read}


def replicas(root: Path, settings: Settings) -> dict[str, dict[int, int]]:
    """The edges on one host as the systemd units put them: port by admin port."""
    made: dict[str, dict[int, int]] = {"edge-http": {}, "edge-ws": {}}
    for own in systemd.instances(root):
        if own.process in made:
            made[own.process][own.port(settings)] = own.admin_port(settings)
    return made


def findings(root: Path, settings: Settings) -> list[str]:
    found = []
    for name, read in PARSERS.items():
        try:
            proxy = Proxy(name=name, **read(root / "deploy/proxies"))
        except (KeyError, IndexError, ValueError, StopIteration, TypeError) as error:
            found.append(f"{name}: lacks what the check looks for: {error!r}")
            continue
        found += [f"{name}: {text}" for text in proxy_findings(proxy, replicas(root, settings), settings)]
    return found


def proxy_findings(proxy: Proxy, edges: dict[str, dict[int, int]], settings: Settings) -> list[str]:
    found = []

    def expect(condition, text: str) -> None:
        if not condition:
            found.append(text)

    def seconds(name: str) -> float:
        return int(settings.defaults[name]) / 1000

    longest, heartbeat = seconds("KAFKA_REPLY_TIMEOUT_MAX"), seconds("WS_PING_INTERVAL") + seconds("WS_PING_TIMEOUT")
    expect(proxy.path == settings.defaults["WS_PATH"], f"sends {proxy.path} to edge-ws instead of {settings.defaults['WS_PATH']}")
    expect(proxy.http_wait > longest, f"waits {proxy.http_wait:g} s for an answer, but KAFKA_REPLY_TIMEOUT_MAX is {longest:g} s")
    expect(proxy.drain > longest, f"an old process ends after {proxy.drain:g} s, before its requests do ({longest:g} s)")
    for silence in proxy.ws_silence:
        expect(silence > heartbeat, f"ends a WebSocket after {silence:g} s of silence, but a heartbeat may take {heartbeat:g} s")
    expect(proxy.ws_silence, "has no time-out for WebSockets")
    expect(proxy.sticky, "does not send all requests of a Socket.IO session to one replica")
    expect(not proxy.repeats, f"may send a request twice: {', '.join(proxy.repeats)}")
    expect(not proxy.keeps, f"keeps connections that an edge may have closed: {proxy.keeps}")
    if proxy.body_limit is not None:
        least = max(int(settings.defaults[name]) for name in ("HTTP_BODY_LIMIT", "WS_MAX_PAYLOAD"))
        expect(proxy.body_limit > least, f"refuses bodies above {proxy.body_limit} bytes, but an edge takes {least}")
    for edge, ports in edges.items():
        expect(proxy.servers[edge] == {("127.0.0.1", port) for port in ports}, f"sends requests to other ports of {edge} than {sorted(ports)}")
    for edge, port, asked, path in proxy.checks:
        expect(edges[edge].get(port) == asked, f"checks {edge} on {port} at port {asked}, but its admin port is {edges[edge].get(port)}")
        expect(path in settings.admin_paths, f"checks {edge} by {path}, which it does not serve")
    return found
