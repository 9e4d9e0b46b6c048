"""The nginx example: its files put together, taken apart into blocks."""

import re
from pathlib import Path

from .instances import span

TOKEN = re.compile(r"""\s*(?:#[^\n]*|([{};])|"((?:\\.|[^"])*)"|'((?:\\.|[^'])*)'|((?:\$\{\w+\}|[^\s{};])+))""")


def words(path: Path) -> list[str]:
    """The tokens of a file, with its `include`s in their places."""
    made: list[str] = []
    for mark, double, single, plain in TOKEN.findall(path.read_text()):
        made.append(mark or double or single or plain)
    made = [word for word in made if word]
    while "include" in made:
        at = made.index("include")
        made[at:at + 3] = words(path.parent / made[at + 1])
    return made


def blocks(tokens: list[str]) -> list[tuple[list[str], list]]:
    """Directives in order, each with the directives inside it."""
    made, current = [], []
    while tokens:
        match tokens.pop(0):
            case ";":
                made.append((current, []))
                current = []
            case "{":
                made.append((current, blocks(tokens)))
                current = []
            case "}":
                return made
            case word:
                current.append(word)
    return made


def inside(block: list, *name: str) -> list:
    return next(inner for directive, inner in block if directive[:len(name)] == list(name))


def arguments(block: list, name: str) -> list[str]:
    return next((directive[1:] for directive, _ in block if directive[0] == name), [])


def size(text: str) -> int:
    return int(text[:-1]) * {"k": 1 << 10, "m": 1 << 20}[text[-1]] if text[-1] in "km" else int(text)


def read(folder: Path) -> dict:
    whole = blocks(words(folder / "nginx/nginx.conf"))
    http = inside(whole, "http")
    server = inside(http, "server")
    upstreams = {name: inside(http, "upstream", name) for name in ("edge_http", "edge_ws")}
    locations = {directive[1]: inner for directive, inner in server if directive[0] == "location"}
    path, ws = next((path, inner) for path, inner in locations.items() if arguments(inner, "proxy_pass") == ["http://edge_ws"])
    rest = next(inner for inner in locations.values() if arguments(inner, "proxy_pass") == ["http://edge_http"])
    # Where nothing is said, nginx waits 60 s and tries another server after `error timeout`, never for a POST that was sent.
    waits = {name: span((arguments(ws, name) or arguments(http, name) or ["60s"])[0]) for name in ("proxy_read_timeout", "proxy_send_timeout")}
    key = arguments(upstreams["edge_ws"], "hash")
    return {
        "path": path,
        "http_wait": span((arguments(rest, "proxy_read_timeout") or ["60s"])[0]),
        "ws_silence": list(waits.values()),
        "servers": {name.replace("_", "-"): {address(directive[1]) for directive, _ in block if directive[0] == "server"} for name, block in upstreams.items()},
        "checks": set(),
        "sticky": key == ["$ws_key", "consistent"] and "$remote_addr $arg_userId" in str(inside(http, "map", "$arg_sid:$arg_transport", "$ws_key")),
        "repeats": [word for block in (http, server, ws, rest) for word in arguments(block, "proxy_next_upstream") if word == "non_idempotent"],
        "body_limit": size(arguments(http, "client_max_body_size")[0]),
        "keeps": " ".join(word for name, block in upstreams.items() for word in arguments(block, "keepalive")),
        "drain": span(arguments(whole, "worker_shutdown_timeout")[0]),
    }


def address(text: str) -> tuple[str, int]:
    host, port = text.rsplit(":", 1)
    return host, int(port)
