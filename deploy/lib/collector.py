#!/usr/bin/env python3
"""A collector of traces for development: takes OTLP/HTTP with JSON, keeps the last traces in memory and shows them as text.

GET / lists the newest, GET /traces/ID shows one as a tree, GET /requests/ID those of a request by its x-request-id.
"""

import argparse
import json
import signal
import threading
import urllib.parse
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
#: Bytes of a request; a batch of spans is far smaller.
LONGEST = 4 << 20


@dataclass(frozen=True)
class Span:
    service: str
    #: Of the process.
    resource: dict
    kind: str
    name: str
    trace: str
    id: str
    parent: str | None
    start: int
    end: int
    attributes: dict
    failed: bool

    @property
    def what(self) -> tuple[str, str, str]:
        return self.service, self.kind, self.name


def attributes(found: list[dict]) -> dict:
    """`{"key": …, "value": {"stringValue": …}}` as a dictionary."""

    def value(of: dict):
        (kind, raw), = of.items()
        return int(raw) if kind == "intValue" else raw

    return {one["key"]: value(one["value"]) for one in found}


def spans(request: dict) -> list[Span]:
    """Those of an ExportTraceServiceRequest."""
    return [
        Span(
            of["service.name"], of, KINDS[span["kind"]], span["name"], span["traceId"], span["spanId"], span.get("parentSpanId"),
            int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"]), attributes(span.get("attributes", [])),
            span.get("status", {}).get("code") == 2)
        for resource in request["resourceSpans"]
        for of in [attributes(resource["resource"]["attributes"])]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


class Traces:
    """The last ones, by when their first span came."""

    def __init__(self, most: int = 1000):
        self._most, self._traces, self._lock = most, OrderedDict(), threading.Lock()

    def add(self, found: list[Span]) -> None:
        with self._lock:
            for span in found:
                self._traces.setdefault(span.trace, []).append(span)
            while len(self._traces) > self._most:
                self._traces.popitem(last=False)

    def get(self, trace: str) -> list[Span]:
        with self._lock:
            return list(self._traces.get(trace, []))

    def of_request(self, request: str) -> list[str]:
        with self._lock:
            return [trace for trace, found in self._traces.items() if any(span.attributes.get("vy.request_id") == request for span in found)]

    def newest(self, count: int = 50) -> list[list[Span]]:
        with self._lock:
            return [list(found) for found in reversed(list(self._traces.values())[-count:])]


def tree(found: list[Span]) -> str:
    """A trace as indented lines: when a span began within the trace, how long it took, where, and what."""
    start = min(span.start for span in found)
    known = {span.id for span in found}
    lines = [f"trace {found[0].trace}  {time(start)}  {len(found)} spans"]

    def add(parent: Span | None, depth: int) -> None:
        below = [span for span in found if (span.parent == parent.id if parent else span.parent not in known)]
        for span in sorted(below, key=lambda span: span.start):
            facts = [f"{name}={span.attributes[name]}" for name in ("http.response.status_code", "vy.status", "vy.problem", "vy.request_id") if name in span.attributes]
            lines.append(
                f"{(span.start - start) / 1e6:9.2f} ms {(span.end - span.start) / 1e6:9.2f} ms  {'  ' * depth}{span.service}: {span.name}"
                f"{'  ' + ' '.join(facts) if facts else ''}{'  FAILED' if span.failed else ''}")
            add(span, depth + 1)

    add(None, 0)
    return "\n".join(lines) + "\n"


def time(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    traces: Traces

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if self.path != "/v1/traces" or not length.isdigit() or int(length) > LONGEST:
            self.close_connection = True
            return self.answer(404, "Not Found\n")
        try:
            self.traces.add(spans(json.loads(self.rfile.read(int(length)))))
        except (ValueError, KeyError, TypeError) as error:
            return self.answer(400, f"{error!r}\n")
        self.answer(200, "{}", "application/json")

    def do_GET(self) -> None:
        path = urllib.parse.unquote(self.path)
        if path.startswith("/traces/"):
            found = [self.traces.get(path.removeprefix("/traces/"))]
        elif path.startswith("/requests/"):
            found = [self.traces.get(trace) for trace in self.traces.of_request(path.removeprefix("/requests/"))]
        elif path == "/":
            found = self.traces.newest()
        else:
            found = []
        text = "\n".join(tree(one) for one in found if one)
        self.answer(200 if text or path == "/" else 404, text or "There are no traces of that.\n")

    def answer(self, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4318)
    options = parser.parse_args()
    server = ThreadingHTTPServer((options.host, options.port), type("OwnHandler", (Handler,), {"traces": Traces()}))
    # The server's own stop waits for its loop, which this signal interrupts.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(json.dumps({"message": "listening", "port": server.server_port}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
