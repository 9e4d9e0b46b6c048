"""An OpenTelemetry collector as far as the gateway calls it, which answers what a test tells it: development's own, with a list of all spans."""

import sys
import threading
from http.server import ThreadingHTTPServer

from .processes import wait_until
from .stack import ROOT

sys.path.append(str(ROOT / "deploy/lib"))
import collector as development  # noqa: E402

Span = development.Span


class Collector(development.Traces):
    def __init__(self):
        super().__init__()
        self.spans: list[Span] = []
        self.headers: list[dict] = []
        #: Statuses of the next answers; then those of development's collector.
        self.planned: list[int] = []
        outer = self

        class Handler(development.Handler):
            traces = outer

            def do_POST(self):
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                if not outer.planned:
                    return super().do_POST()
                self.rfile.read(int(self.headers["content-length"]))
                self.answer(outer.planned.pop(0), "{}", "application/json")

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def add(self, found: list[Span]) -> None:
        super().add(found)
        self.spans += found

    def trace(self, trace: str, count: int, seconds: float = 15) -> list[Span]:
        """All spans of a trace once there are `count`."""
        wait_until(lambda: len(self.get(trace)) >= count, seconds, lambda: f"{count} spans of {trace}; there are {[span.what for span in self.get(trace)]}")
        return self.get(trace)

    def __enter__(self) -> "Collector":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()
