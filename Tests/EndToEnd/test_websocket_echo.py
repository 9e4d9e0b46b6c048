"""WebSocket (RFC 6455) against the echo server: messages, fragments, pings, and bytes in any cut."""

import os
import time

import pytest
from harness.wire import BINARY, CLOSE, PING, PONG, TEXT, UPGRADE, Connection, Frame, WebSocket, close_frame, frame

SIZES = [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537, 1 << 20]
MIB = 1 << 20


@pytest.fixture
def socket(echo):
    with WebSocket(echo) as socket:
        yield socket


def assert_well(socket: WebSocket) -> None:
    socket.send("well")
    assert socket.receive() == Frame(TEXT, b"well")
    socket.write(close_frame(1000))
    assert socket.closed() == 1000


# Messages


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("chop", [None, 997])
def test_messages_of_all_sizes(socket, opcode, size, chop):
    payload = b"*" * size if opcode == TEXT else os.urandom(size)
    data = frame(payload, opcode)
    for start in range(0, len(data), chop or len(data)):
        socket.write(data[start:start + (chop or len(data))])
    assert socket.receive(30) == Frame(opcode, payload)
    assert_well(socket)


@pytest.mark.parametrize("size", [4 * MIB, 16 * MIB])
@pytest.mark.parametrize("fragment", [None, 64 << 10, MIB])
def test_large_messages(socket, size, fragment):
    payload = os.urandom(size)
    step = fragment or size
    for start in range(0, size, step):
        socket.write(frame(payload[start:start + step], 0 if start else BINARY, fin=start + step >= size))
    assert socket.receive(60) == Frame(BINARY, payload)
    assert_well(socket)


def test_16_mib_of_text(socket):
    payload = "é😀aa".encode() * (2 * MIB)
    socket.write(frame(payload, TEXT))
    assert socket.receive(60) == Frame(TEXT, payload)


def test_more_than_16_mib_closes_with_1009(echo):
    """By the header: the data need not come."""
    for data in (frame(b"", BINARY)[:1] + b"\xff" + (16 * MIB + 1).to_bytes(8), frame(b"", TEXT)[:1] + b"\xff" + (1 << 62).to_bytes(8)):
        with WebSocket(echo) as socket:
            socket.write(data + b"mask")
            assert socket.closed() == 1009
    with WebSocket(echo) as socket:
        socket.write(frame(b"x" * 16 * MIB, BINARY, fin=False) + frame(b"y", 0))
        assert socket.closed() == 1009


def test_many_small_messages(socket):
    sent = [b"%d" % n * (n % 40) for n in range(2000)]
    socket.write(b"".join(frame(payload, BINARY if n % 2 else TEXT) for n, payload in enumerate(sent)))
    for n, payload in enumerate(sent):
        assert socket.receive() == Frame(BINARY if n % 2 else TEXT, payload)


@pytest.mark.parametrize("key", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\x02\x03\x04"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 100])
def test_masking_keys(socket, key, size):
    payload = os.urandom(size)
    data = bytes(byte ^ key[n % 4] for n, byte in enumerate(payload))
    socket.write(bytes([0x82, 0x80 | size]) + key + data[:size // 2])
    time.sleep(0.002)
    socket.write(data[size // 2:])
    assert socket.receive() == Frame(BINARY, payload)


# Cut anywhere


SCRIPT = [
    frame("text"), frame("é" * 100), frame(b"\x00" * 200), frame("frag", fin=False), frame("ping", PING), frame("ment", 0), frame(b"", PONG),
    frame("", fin=False), frame("", 0, fin=False), frame("é", 0), frame("", PING), close_frame(1000, "bye"),
]
ANSWERS = [
    (TEXT, b"text"), (TEXT, "é".encode() * 100), (BINARY, b"\x00" * 200), (PONG, b"ping"), (TEXT, b"fragment"), (TEXT, "é".encode()), (PONG, b""),
    (CLOSE, b"\x03\xe8"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 1000])
def test_bytes_in_any_cut(socket, size):
    data = b"".join(SCRIPT)
    for start in range(0, len(data), size):
        socket.write(data[start:start + size])
        if size < 8 and start % 16 == 0:
            time.sleep(0.0005)
    assert [socket.receive() for _ in ANSWERS] == ANSWERS
    assert socket.rest() == b""


def test_byte_by_byte(socket):
    for byte in b"".join(SCRIPT):
        socket.write(bytes([byte]))
        time.sleep(0.0002)
    assert [socket.receive() for _ in ANSWERS] == ANSWERS


# Fragments and control frames between them


FRAGMENTS = {
    "two": ([("a", TEXT, 0), ("b", 0, 1)], [(TEXT, b"ab")]),
    "empty ones": ([("", TEXT, 0), ("", 0, 0), ("", 0, 1)], [(TEXT, b"")]),
    "an empty end": ([("a", TEXT, 0), ("", 0, 1)], [(TEXT, b"a")]),
    "binary": ([(b"\xff", BINARY, 0), (b"\xfe", 0, 1)], [(BINARY, b"\xff\xfe")]),
    "a ping within": ([("a", TEXT, 0), ("p", PING, 1), ("b", 0, 1)], [(PONG, b"p"), (TEXT, b"ab")]),
    "pings everywhere": (
        [("1", PING, 1), ("a", TEXT, 0), ("2", PING, 1), ("3", PING, 1), ("b", 0, 0), ("4", PING, 1), ("c", 0, 1), ("5", PING, 1)],
        [(PONG, b"1"), (PONG, b"2"), (PONG, b"3"), (PONG, b"4"), (TEXT, b"abc"), (PONG, b"5")]),
    "a pong within": ([("a", TEXT, 0), ("p", PONG, 1), ("b", 0, 1)], [(TEXT, b"ab")]),
    "a character cut in two": ([(b"\xc3", TEXT, 0), (b"\xa9", 0, 1)], [(TEXT, "é".encode())]),
    "a ping within a character": ([(b"\xf0\x9f", TEXT, 0), (b"\xff\xfe", PING, 1), (b"\x98\x80", 0, 1)], [(PONG, b"\xff\xfe"), (TEXT, "😀".encode())]),
    "a thousand": ([("x", TEXT, 0), *[("x", 0, 0)] * 998, ("x", 0, 1)], [(TEXT, b"x" * 1000)]),
    "two messages": ([("a", TEXT, 0), ("b", 0, 1), (b"c", BINARY, 0), (b"d", 0, 1)], [(TEXT, b"ab"), (BINARY, b"cd")]),
}


@pytest.mark.parametrize("frames, answers", FRAGMENTS.values(), ids=FRAGMENTS)
@pytest.mark.parametrize("slow", [False, True])
def test_fragments(socket, frames, answers, slow):
    data = [frame(payload, opcode, fin=bool(fin)) for payload, opcode, fin in frames]
    if slow and len(data) < 100:
        for part in data:
            socket.write(part)
            time.sleep(0.002)
    else:
        socket.write(b"".join(data))
    assert [socket.receive() for _ in answers] == answers
    assert_well(socket)


def test_a_ping_within_a_message_is_answered_before_its_end(socket):
    socket.write(frame("a", fin=False) + frame("now", PING))
    assert socket.receive() == Frame(PONG, b"now")
    socket.write(frame("b", 0))
    assert socket.receive() == Frame(TEXT, b"ab")


# Pings and pongs


@pytest.mark.parametrize("size", range(126))
def test_pings_of_all_sizes(echo, size):
    with WebSocket(echo) as socket:
        payload = os.urandom(size)
        socket.write(frame(payload, PING))
        assert socket.receive() == Frame(PONG, payload)


def test_pings_are_answered_in_order(socket):
    socket.write(b"".join(frame(b"%d" % n, PING) for n in range(100)))
    assert [socket.receive() for _ in range(100)] == [(PONG, b"%d" % n) for n in range(100)]


@pytest.mark.parametrize("payload", [b"", b"unasked", b"\xff" * 125])
def test_unasked_pongs_are_ignored(socket, payload):
    socket.write(frame(payload, PONG) * 3)
    assert_well(socket)


# The opening handshake


def test_compression_is_not_agreed_on(echo):
    with WebSocket(echo, headers={"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"}) as socket:
        assert "sec-websocket-extensions" not in socket.headers
        socket.send("plain" * 1000)
        assert socket.receive() == Frame(TEXT, b"plain" * 1000)
        socket.write(frame(b"\x4a\x04\x00", TEXT, rsv=4))
        assert socket.closed() == 1002


def test_no_subprotocol_is_agreed_on(echo):
    with WebSocket(echo, headers={"Sec-WebSocket-Protocol": "chat, superchat"}) as socket:
        assert "sec-websocket-protocol" not in socket.headers
        assert_well(socket)


@pytest.mark.parametrize("headers", [
    {"Upgrade": "WebSocket"}, {"Connection": "keep-alive, Upgrade"}, {"Connection": "upgrade"}, {"Upgrade": "foo, websocket"}, {"Origin": "null"},
])
def test_handshakes_that_are_right(echo, headers):
    with WebSocket(echo, headers=headers) as socket:
        assert socket.refusal is None
        assert_well(socket)


@pytest.mark.parametrize("headers", [
    {"Upgrade": "other"}, {"Connection": "close"}, {"Sec-WebSocket-Key": "short"}, {"Sec-WebSocket-Key": ""}, {"Sec-WebSocket-Version": "8"},
    {"Sec-WebSocket-Version": "14"}, {"Sec-WebSocket-Version": "13.0"},
])
def test_handshakes_that_are_wrong(echo, headers):
    with WebSocket(echo, headers=headers) as socket:
        assert socket.refusal.status in (400, 426)
        assert socket.rest() == b""


@pytest.mark.parametrize("method, target, version, status", [
    ("POST", "/", "1.1", 400), ("HEAD", "/", "1.1", 400), ("GET", "/other", "1.1", 404), ("GET", "/", "1.0", 400),
])
def test_requests_that_are_wrong(echo, method, target, version, status):
    with Connection(echo) as connection:
        connection.write(connection.request(method, target, headers=UPGRADE).replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
        assert connection.answer(head_only=method == "HEAD").status == status
        assert connection.rest() == b""
