"""WebSocket (RFC 6455) against the echo server: what breaks the protocol, how it is told, and how connections close."""

import socket as sockets
import time

import pytest
from harness.clock import running
from harness.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Connection, Frame, WebSocket, close_frame, frame


@pytest.fixture
def socket(echo):
    with WebSocket(echo) as socket:
        yield socket


RESERVED = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]
FAULTS = {
    **{f"reserved bits {rsv}": frame("x", rsv=rsv) for rsv in range(1, 8)},
    **{f"reserved bits {rsv} of a ping": frame("x", PING, rsv=rsv) for rsv in range(1, 8)},
    "reserved bits of a close": frame((1000).to_bytes(2), CLOSE, rsv=4),
    "reserved bits of a continuation": frame("x", fin=False) + frame("x", 0, rsv=4),
    **{f"opcode {opcode}": frame(b"x", opcode) for opcode in RESERVED},
    **{f"opcode {opcode} within a message": frame("x", fin=False) + frame(b"x", opcode) for opcode in RESERVED},
    "unmasked text": frame("x", mask=False),
    "unmasked and empty": frame("", mask=False),
    "unmasked binary": frame(b"x" * 70_000, mask=False),
    "unmasked ping": frame("x", PING, mask=False),
    "unmasked pong": frame("x", PONG, mask=False),
    "unmasked close": frame((1000).to_bytes(2), CLOSE, mask=False),
    "unmasked continuation": frame("x", fin=False) + frame("x", 0, mask=False),
    "a ping of 126 bytes": frame(b"x" * 126, PING),
    "a pong of 126 bytes": frame(b"x" * 126, PONG),
    "a close of 126 bytes": frame((1000).to_bytes(2) + b"x" * 124, CLOSE),
    "a ping of 70,000 bytes": frame(b"x" * 70_000, PING),
    "a ping with a long length": frame(b"x", PING, form=2),
    "a ping in fragments": frame("x", PING, fin=False) + frame("y", 0),
    "a pong in fragments": frame("x", PONG, fin=False) + frame("y", 0),
    "a close in fragments": frame((1000).to_bytes(2), CLOSE, fin=False) + frame("", 0),
    "a continuation of nothing": frame("x", CONTINUATION),
    "the beginning of a continuation of nothing": frame("x", CONTINUATION, fin=False),
    "text within text": frame("x", fin=False) + frame("y"),
    "binary within text": frame("x", fin=False) + frame(b"y"),
    "text within binary": frame(b"x", fin=False) + frame("y", fin=False),
    "length 0 in two bytes": frame("", form=2),
    "length 125 in two bytes": frame(b"x" * 125, form=2),
    "length 125 in eight bytes": frame(b"x" * 125, form=8),
    "length 65,535 in eight bytes": frame(b"x" * 65_535, form=8),
    "a length with its highest bit": b"\x82\xff" + b"\xff" * 8 + b"mask",
    "a close of one byte": frame(b"\x03", CLOSE),
}
BAD_TEXT = {
    "a continuation byte": b"\x80", "FE": b"\xfe", "FF": b"\xff", "C0": b"\xc0\xaf", "C1": b"\xc1\xbf", "overlong /": b"\xe0\x80\xaf", "overlong, 4": b"\xf0\x80\x80\xaf",
    "F5": b"\xf5\x80\x80\x80", "above 10FFFF": b"\xf4\x90\x80\x80", "a surrogate": b"\xed\xa0\x80", "a pair of surrogates": b"\xed\xa0\xbd\xed\xb8\x80",
    "cut off, 2": b"\xc3", "cut off, 3": b"\xe2\x82", "cut off, 4": b"\xf0\x9f\x98", "a lead byte too early": b"\xe2\x82\xc3\xa9", "5 bytes": b"\xf8\x88\x80\x80\x80",
    "in the middle": "κόσμε".encode() + b"\xed\xa0\x80" + b"edited", "behind much": b"x" * 100_001 + b"\xff",
}
GOOD_TEXT = {
    "the first of each length": "\x00\x80\u0800\U00010000", "the last of each length": "\x7f\u07ff\uffff\U0010ffff", "around the surrogates": "\ud7ff\ue000",
    "no characters": "\ufffe\uffff\U0001fffe\U0010fffe", "a byte order mark": "\ufeff", "replacement": "\ufffd", "Greek": "κόσμε", "controls": "\x01\x1e\x7f\x85",
}


@pytest.mark.parametrize("data", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("cut", [False, True])
def test_faults_close_with_1002(socket, data, cut):
    socket.send("before")
    for part in ([data] if not cut else [data[:1], data[1:2], data[2:]]):
        try:
            socket.write(part)
        except ConnectionError:
            break  # It was refused by its first bytes.
        time.sleep(0.001 if cut else 0)
    assert socket.receive() == Frame(TEXT, b"before")
    assert socket.closed() == 1002


@pytest.mark.parametrize("data", [
    b"\x83", b"\xc1", b"\x80", b"\x09", b"\x81\x05", b"\x89\xfe", b"\x82\xfe\x00\x7d", b"\x82\xff" + (0xFFFF).to_bytes(8), b"\x01\x81maskX\x81",
], ids=bytes.hex)
def test_a_fault_is_told_by_the_byte_that_shows_it(socket, data):
    socket.write(data)
    assert socket.closed(1) == 1002


def test_a_continuation_after_a_whole_message(socket):
    socket.write(frame("x", fin=False) + frame("y", 0) + frame("z", 0))
    assert socket.receive() == Frame(TEXT, b"xy")
    assert socket.closed() == 1002


def test_nothing_behind_a_fault_is_heard(socket):
    socket.write(frame("one") + frame("two", rsv=1) + frame("three") + frame("four", PING))
    assert socket.receive() == Frame(TEXT, b"one")
    assert socket.closed() == 1002


# UTF-8


@pytest.mark.parametrize("text", GOOD_TEXT.values(), ids=GOOD_TEXT)
@pytest.mark.parametrize("way", ["whole", "fragment per byte", "segment per byte"])
def test_good_text(socket, text, way):
    data = text.encode()
    if way == "fragment per byte":
        socket.write(b"".join(frame(data[n:n + 1], 0 if n else TEXT, fin=n == len(data) - 1) for n in range(len(data))))
    else:
        step = len(data) + 14 if way == "whole" else 1
        for start in range(0, len(all := frame(data, TEXT)), step):
            socket.write(all[start:start + step])
    assert socket.receive() == Frame(TEXT, data)


@pytest.mark.parametrize("data", BAD_TEXT.values(), ids=BAD_TEXT)
@pytest.mark.parametrize("way", ["whole", "fragments", "segments"])
def test_bad_text_closes_with_1007(socket, data, way):
    if way == "fragments":
        socket.write(frame(data[:-1], TEXT, fin=False) + frame(b"", 0, fin=False) + frame(data[-1:], 0))
    elif way == "segments":
        whole = frame(data, TEXT)
        socket.write(whole[:-1])
        time.sleep(0.001)
        socket.write(whole[-1:])
    else:
        socket.write(frame(data, TEXT))
    assert socket.closed() == 1007


def test_bytes_that_are_no_text_may_be_binary(socket):
    for data in BAD_TEXT.values():
        socket.write(frame(data, BINARY))
        assert socket.receive() == Frame(BINARY, data)


FAIL_FAST = {"in the first bytes of a long frame": (b"\xff", True), "overlong": (b"\xe0\x80", True), "a surrogate": (b"\xed\xa0", True),
             "above 10FFFF": (b"\xf4\x90", True), "behind text": (b"text\xc3\x28", True), "in a fragment that is not the last": (b"\xff", False)}


@pytest.mark.parametrize("data, in_frame", FAIL_FAST.values(), ids=FAIL_FAST)
def test_bad_text_is_told_before_its_end(socket, data, in_frame):
    if in_frame:
        head = b"\x81\xfe\x10\x00\x00\x00\x00\x00"  # 4096 bytes, masked with zeros
        socket.write(head + data)
    else:
        socket.write(frame(data, TEXT, fin=False))
    assert socket.closed(1) == 1007


def test_a_character_that_could_still_end_is_waited_for(socket):
    socket.write(b"\x81\x84\x00\x00\x00\x00\xf0\x9f\x98")
    assert socket.is_silent()
    socket.write(b"\x80")
    assert socket.receive() == Frame(TEXT, "😀".encode())


# Closing


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])
@pytest.mark.parametrize("reason", ["", "good bye", "é" * 61])
def test_close_codes_are_sent_back(socket, code, reason):
    socket.write(close_frame(code, reason))
    assert socket.closed() == code


@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
def test_close_codes_that_do_not_exist(socket, code):
    socket.write(close_frame(code))
    assert socket.closed() == 1002


def test_a_close_without_a_code(socket):
    socket.write(frame(b"", CLOSE))
    assert socket.closed() is None


@pytest.mark.parametrize("reason", [b"\xff", b"\xc3", b"ok\xed\xa0\x80"])
def test_a_reason_that_is_not_utf8(socket, reason):
    socket.write(close_frame(1000, reason))
    assert socket.closed() == 1007


@pytest.mark.parametrize("behind", [frame("late"), frame("late", PING), close_frame(1001), frame("x", rsv=7), b"\xff" * 1000])
def test_nothing_behind_a_close_is_heard(socket, behind):
    socket.write(frame("before") + close_frame(1000) + behind)
    assert socket.receive() == Frame(TEXT, b"before")
    assert socket.closed() == 1000


def test_a_close_within_a_message(socket):
    socket.write(frame("never ended", fin=False) + close_frame(1001))
    assert socket.closed() == 1001


def test_the_server_ends_the_connection_itself(socket):
    start = time.monotonic()
    socket.write(close_frame(1000))
    assert socket.closed() == 1000
    assert running(start) < 0.5
    time.sleep(1.2)
    with pytest.raises(OSError):
        for _ in range(20):
            socket.write(b"x")
            time.sleep(0.01)


def test_half_close(socket):
    """A client that has said all still gets what it asked for."""
    socket.write(frame("a" * 100_000) + frame("b"))
    socket.socket.shutdown(sockets.SHUT_WR)
    assert [socket.receive(), socket.receive()] == [(TEXT, b"a" * 100_000), (TEXT, b"b")]
    assert socket.receive() == Frame(CLOSE, b"")
    assert socket.rest() == b""


def test_a_connection_that_breaks_off(echo):
    for data in (b"", b"\x81", frame("x" * 1000)[:500], frame("x", fin=False)):
        with WebSocket(echo) as socket:
            socket.write(data)
            socket.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    with WebSocket(echo) as socket:
        socket.send("well")
        assert socket.receive() == Frame(TEXT, b"well")


def test_a_client_that_reads_no_more_is_dropped(echo):
    """It asks for 200 MiB of pongs and echoes, of which the server keeps no more than its limit."""
    with WebSocket(echo, receive_buffer=4096) as socket:
        data = frame(b"x" * (1 << 20)) + frame(b"y" * 125, PING)
        with pytest.raises((ConnectionError, TimeoutError)):
            for _ in range(200):
                socket.write(data)


def test_http_is_over_after_the_handshake(echo):
    with WebSocket(echo) as socket:
        socket.write(Connection.request(socket, "GET", "/"))
        assert socket.closed() == 1002
