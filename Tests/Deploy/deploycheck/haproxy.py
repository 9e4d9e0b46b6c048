"""The HAProxy example: its sections as lists of lines."""

import re
from pathlib import Path

from .instances import span

SECTIONS = ("global", "defaults", "frontend", "backend", "listen")
# What tells for certain that nothing was sent.
UNSENT = {"conn-failure"}


def sections(path: Path) -> dict[str, list[list[str]]]:
    made: dict[str, list[list[str]]] = {}
    for line in path.read_text().splitlines():
        words = re.sub(r"(^|\s)#.*", "", line).split()
        if words and words[0] in SECTIONS:
            current = made.setdefault(" ".join(words), [])
        elif words:
            current.append(words)
    return made


def read(folder: Path) -> dict:
    made = sections(folder / "haproxy.cfg")
    defaults, http, ws = made["defaults"], made["backend edge_http"], made["backend edge_ws"]

    def setting(section: list[list[str]], *name: str) -> list[str]:
        """From the section, else from the defaults."""
        return next(words[len(name):] for words in [*section, *defaults] if words[:len(name)] == list(name))

    repeats = [event for event in setting(http, "retry-on") if event not in UNSENT]
    may_repeat_all = "http-request disable-l7-retry unless METH_GET".split() not in ws
    repeats += [event for event in setting(ws, "retry-on") if event not in UNSENT | ({"503"} if not may_repeat_all else set())]
    key = "http-request set-var(txn.key) src,concat(-,txn.user)".split() in ws and "http-request set-var(txn.user) url_param(userId)".split() in ws
    route = next(words for words in made["frontend clients"] if words[:2] == ["use_backend", "edge_ws"])
    servers = {"edge-http": [words for words in http if words[0] == "server"], "edge-ws": [words for words in ws if words[0] == "server"]}
    return {
        "path": route[route.index("path_beg") + 1],
        "http_wait": span(setting(http, "timeout", "server")[0]),
        # `timeout tunnel` is for WebSockets; a poll waits for the server, and between two polls for the client.
        "ws_silence": [span(setting(ws, "timeout", name)[0]) for name in ("tunnel", "server", "client")],
        "servers": {edge: {address(words[2]) for words in lines} for edge, lines in servers.items()},
        "checks": {(edge, address(words[2])[1], int(words[words.index("port") + 1]), setting(section, "option", "httpchk")[1])
                   for edge, section in (("edge-http", http), ("edge-ws", ws)) for words in servers[edge]},
        "sticky": key and setting(ws, "balance") == ["hash", "var(txn.key)"] and setting(ws, "hash-type") == ["consistent"],
        "repeats": repeats,
        "keeps": "" if setting(http, "http-reuse") == ["never"] == setting(ws, "http-reuse") else "http-reuse is not never",
        "drain": span(next(words[1] for words in made["global"] if words[0] == "hard-stop-after")),
    }


def address(text: str) -> tuple[str, int]:
    host, port = text.rsplit(":", 1)
    return host, int(port)
