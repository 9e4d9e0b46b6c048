"""Bytes that are no protocol, on every port that is listened on."""

import random
import socket
import struct
import time

import pytest
from harness.stack import SERVICE

RANDOM = random.Random(7)
GARBAGE = {
    "random": RANDOM.randbytes(65536),
    "zeros": bytes(4096),
    "TLS hello": bytes.fromhex("16030100f8010000f40303") + RANDOM.randbytes(240),
    "line ends": b"\r\n" * 5000,
    "no request line": b"HELLO\r\n\r\n",
    "strange version": b"GET / HTTP/9.9\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "endless head": b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 60000,
    "long request line": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "bad length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad chunk": b"POST " + SERVICE.encode() + b"/payment-intents HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "half a request": b"POST " + SERVICE.encode() + b"/payment-intents HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
    "null in a header": b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
}


def throw(port: int, data: bytes, linger: bool = False) -> bytes:
    """Sends it and returns what is answered within a short time; every way to end is fine."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.settimeout(0.4)
        if linger:  # end with a reset
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            client.sendall(data)
            while chunk := client.recv(65536):
                answer += chunk
        except OSError:
            pass
    return answer


def ports(stack) -> dict[str, int]:
    return {**stack.ports, **{f"{name} admin": port for name, port in stack.admin.items()}}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_on_every_port(stack, name):
    for port in ports(stack).values():
        throw(port, GARBAGE[name])
        throw(port, GARBAGE[name], linger=True)
    for process in stack.own:
        assert stack.readiness(process) == (True, []), process.name
    assert stack.create().status == 201


def test_garbage_after_a_websocket_upgrade(stack, listen):
    upgrade = (
        "GET /socket.io/?EIO=4&transport=websocket&userId=g HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    for port in (stack.ports["edge-ws-1"], stack.ports["edge-ws-2"]):
        for rest in (
            RANDOM.randbytes(5000),
            b"\x81\x05hello",  # not masked
            b"\x81\xff" + (2**63 - 1).to_bytes(8, "big") + bytes(4),  # 8 EiB announced
            b"\x81\xff" + (2**32).to_bytes(8, "big") + bytes(4),  # 4 GiB announced
            b"\x82\x84\0\0\0\0abcd",  # binary where none may come
            b"\x81\x83\0\0\0\0\xff\xfe\xfd",  # not UTF-8
            b"\xf1\x80\0\0\0\0",  # reserved bits
        ):
            assert throw(port, upgrade + rest).startswith(b"HTTP/1.1 101")
    assert listen(1, user="g").connects == listen(2, user="g").connects == 1


def test_many_idle_connections_harm_nobody(stack, listen):
    held = [socket.create_connection(("127.0.0.1", port), 5) for port in ports(stack).values() for _ in range(100)]
    try:
        assert stack.create().status == 201
        assert listen(1, user="idle").connects == 1
    finally:
        for connection in held:
            connection.close()


def test_no_descriptor_is_left_behind(stack):
    time.sleep(0.3)
    before = {process.name: process.descriptors() for process in stack.own}
    for port in ports(stack).values():
        for data in GARBAGE.values():
            throw(port, data[:2000], linger=True)
    time.sleep(1)
    after = {process.name: process.descriptors() for process in stack.own}
    assert all(after[name] <= before[name] + 2 for name in after), (before, after)
