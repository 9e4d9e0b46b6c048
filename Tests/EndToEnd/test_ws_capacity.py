"""An edge-ws that takes nobody any more: full, or about to stop."""

import base64
import threading
import time

import pytest
from harness.extra import Raw, edge_ws
from harness.http import request
from harness.processes import wait_until

POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
UPGRADE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode(),
}


def refused(port: int) -> None:
    for path, headers in ((WEBSOCKET, UPGRADE), (POLLING, {})):
        answer = request(port, "GET", path, headers=headers)
        assert (answer.status, answer.body) == (503, b"Too many connections"), path


def summary(process, seconds: float = 10) -> dict:
    return process.wait_log("summary", seconds)


def test_a_full_one_answers_503(stack):
    with edge_ws(stack, "ws-full", WS_MAX_CONNECTIONS=1, WS_DRAIN_TIME=0) as process:
        with Raw(process.port) as first:
            first.join()
            refused(process.port)
            first.send("42/finance-payments,1[\"register-user\",{\"userId\":\"u\"}]")
            wait_until(lambda: (first.receive() or "").startswith("43/finance-payments,1["), 5, "the one inside is served")
        wait_until(lambda: request(process.port, "GET", POLLING).status == 200, 5, "its place is free again")
        process.terminate()
        assert summary(process)["refusedConnections"] >= "2"


def test_a_stopping_one_lets_its_clients_go_one_after_another(stack):
    with edge_ws(stack, "ws-drain", WS_DRAIN_TIME=2000) as process:
        clients = [Raw(process.port) for _ in range(20)]
        for client in clients:
            client.join()
        last, gone = [None] * len(clients), [None] * len(clients)

        def follow(index: int) -> None:
            while (packet := clients[index].receive(20)) is not None:
                last[index] = packet
            gone[index] = time.monotonic()

        threads = [threading.Thread(target=follow, args=(index,)) for index in range(len(clients))]
        for thread in threads:
            thread.start()
        start = time.monotonic()
        process.terminate()
        wait_until(lambda: b"draining" in request(process.admin, "GET", "/readyz").body, 5, "the readiness")
        assert request(process.admin, "GET", "/readyz").status == 503
        refused(process.port)
        for thread in threads:
            thread.join(20)
        times = sorted(time - start for time in gone)
        assert times[0] < 1 and 1.5 < times[-1] < 5, f"spread over two seconds: {times}"
        assert max(after - before for before, after in zip(times, times[1:])) < 1, f"and not all at once: {times}"
        # 41 would keep official clients from coming back by themselves.
        assert not any((packet or "").startswith("41") for packet in last)
        wait_until(lambda: not process.running, 10, "its end")
        assert process.child.returncode == 0


@pytest.mark.parametrize("version", ["12", "", None])
def test_another_version_of_websocket_is_refused(stack, version):
    headers = {**UPGRADE, "Sec-WebSocket-Version": version}
    if version is None:
        del headers["Sec-WebSocket-Version"]
    answer = request(stack.ports["edge-ws-1"], "GET", WEBSOCKET, headers=headers)
    assert (answer.status, answer.body) == (400, b"Bad request")
    assert answer.headers["sec-websocket-version"] == "13"
