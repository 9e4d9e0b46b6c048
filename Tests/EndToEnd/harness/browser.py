"""A headless Chromium that is driven by its DevTools protocol."""

import base64
import itertools
import json
import re
from pathlib import Path

import websocket

from .processes import Process, wait_until


class Browser:
    """One page. What it asks the network for is kept in `requests`, what it complains of in `complaints`."""

    def __init__(self, folder: Path):
        self.process = Process("chromium", [
            "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0",
            "--remote-allow-origins=*", "--no-first-run", "--disable-background-networking", f"--user-data-dir={folder}/profile", "about:blank",
        ], folder)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._ids = itertools.count(1)

    def __enter__(self) -> "Browser":
        self.process.start()
        address = wait_until(lambda: re.search(r"DevTools listening on (ws://\S+)", self.process.log_text()), 60, self.process.tail)
        self._socket = websocket.create_connection(address[1], timeout=30)
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")
        self.size(1200, 900)
        return self

    def __exit__(self, *_) -> None:
        self._socket.close()
        self.process.stop()

    def open(self, url: str) -> None:
        self._call("Page.navigate", url=url)

    def size(self, width: int, height: int) -> None:
        """Of the window, in pixels."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def evaluate(self, expression: str):
        """The value of an expression, which may be a promise."""
        result = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 20):
        return wait_until(lambda: self.evaluate(expression), seconds, lambda: f"{expression}; complaints: {self.complaints}", pause=0.1)

    def screenshot(self) -> bytes:
        return base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])

    def _call(self, method: str, **params) -> dict:
        number = next(self._ids)
        message = {"id": number, "method": method, "params": params}
        if getattr(self, "_session", None):
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            received = json.loads(self._socket.recv())
            if received.get("id") == number:
                assert "error" not in received, received
                return received["result"]
            self._note(received)

    def _note(self, event: dict) -> None:
        params = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(params["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
