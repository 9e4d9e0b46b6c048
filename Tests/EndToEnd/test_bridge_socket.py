"""What anybody could send to the bridge's Unix socket."""

import os
import struct
import subprocess
import time

import pytest
from harness.uds import Peer

SOCKETS_PYTHON = "/usr/bin/python3"


def error_of(peer: Peer) -> dict:
    """The error frame, after which the connection is closed."""
    frame = peer.receive_until("error")
    assert frame is not None, "closed without a word"
    assert peer.receive() is None, "the connection stays open after an error"
    return frame


def test_handshake_request_and_reply(stack):
    with Peer(stack.socket) as peer:
        peer.hello()
        welcome = peer.receive()
        assert welcome["type"] == "welcome" and welcome["version"] == 1
        assert welcome["window"] > 0 and welcome["maxFrame"] >= 1_048_576
        request_id = os.urandom(16).hex()
        peer.send({"type": "request", "id": request_id, "topic": "vy-finance-payments.payment-intents.create", "timeout": 5000,
                   "headers": {}, "body": {"amount": 1, "currency": "usd", "userId": "uds"}})
        reply = peer.receive_until("reply", "failure")
        assert (reply["type"], reply["id"], reply["final"]) == ("reply", request_id, True)
        assert reply["body"]["userId"] == "uds"
        peer.send({"type": "ping"})
        assert peer.receive_until("pong") == {"type": "pong"}


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, 3 * 1024 * 1024])
@pytest.mark.parametrize("greeted", [False, True])
def test_a_frame_of_4_gib_is_refused_before_it_is_allocated(stack, length, greeted):
    memory = stack.bridge.memory()
    with Peer(stack.socket) as peer:
        if greeted:
            peer.hello()
            assert peer.receive()["type"] == "welcome"
        peer.send_bytes(struct.pack(">I", length) + b"{")
        assert error_of(peer)["code"] == "frame_too_large"
    assert stack.bridge.memory() - memory < 16 * 1024 * 1024
    assert stack.create().status == 201


@pytest.mark.parametrize(
    "payload",
    [b"", b"garbage", b"[]", b"{", b'{"type":"hello"', b'{"type":5}', b"{}", b"\xff\xfe\x00", b'{"type":"hello","type":"hello"}x', b"[" * 5000],
)
def test_frames_that_are_no_message(stack, payload):
    with Peer(stack.socket) as peer:
        peer.send_bytes(struct.pack(">I", len(payload)) + payload)
        assert error_of(peer)["code"] in {"malformed_frame", "unknown_type", "protocol_violation"}
    assert stack.create().status == 201


def test_raw_garbage(stack):
    for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes(range(255, -1, -1)) * 16, b"\x16\x03\x01\x02\x00\x01"):
        with Peer(stack.socket) as peer:
            peer.send_bytes(data)
            assert error_of(peer)["code"] in {"malformed_frame", "frame_too_large"}
    assert stack.create().status == 201


def test_an_unknown_type(stack):
    with Peer(stack.socket) as peer:
        peer.hello()
        assert peer.receive()["type"] == "welcome"
        peer.send({"type": "surprise"})
        assert error_of(peer)["code"] == "unknown_type"


def test_unknown_members_are_ignored(stack):
    with Peer(stack.socket) as peer:
        peer.hello(later="anything")
        assert peer.receive()["type"] == "welcome"


def test_a_version_that_is_not_spoken(stack):
    with Peer(stack.socket) as peer:
        peer.hello(versions=[7, 9])
        refusal = error_of(peer)
        assert refusal["code"] == "unsupported_version"
        assert refusal["message"]


def test_a_request_before_the_greeting(stack):
    with Peer(stack.socket) as peer:
        peer.send({"type": "request", "id": os.urandom(16).hex(), "topic": "t", "timeout": 1, "headers": {}, "body": {}})
        assert error_of(peer)["code"] == "protocol_violation"


@pytest.mark.long
def test_a_peer_that_says_nothing(stack):
    with Peer(stack.socket, timeout=30) as peer:
        assert error_of(peer)["code"] == "handshake_timeout"


def test_more_than_the_window(stack):
    with Peer(stack.socket, timeout=10) as peer:
        peer.hello()
        window = peer.receive()["window"]
        for _ in range(window + 1):
            peer.send({"type": "request", "id": os.urandom(16).hex(), "topic": "vy-finance-payments.payment-intents.create", "timeout": 3000,
                       "headers": {}, "body": {"amount": 1, "currency": "usd", "userId": "w", "metadata": {"demo": {"reply": "silent"}}}})
        failure = peer.receive_until("failure", "error")
        assert failure["type"] == "failure" and failure["code"] == "window_exceeded" and failure["outcome"] == "not_sent", failure
        assert stack.create().status == 201, "another edge has its own window"


def test_half_a_frame_and_gone(stack):
    before = stack.bridge.descriptors()
    for _ in range(50):
        with Peer(stack.socket) as peer:
            peer.send_bytes(struct.pack(">I", 1000) + b'{"type":')
    time.sleep(0.5)
    assert stack.bridge.descriptors() <= before + 2
    assert stack.create().status == 201


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_peer_of_another_uid(stack):
    script = (
        "import socket, sys\n"
        "s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1])\n"
        "data = b''\n"
        "try:\n"
        "    while chunk := s.recv(4096): data += chunk\n"
        "except ConnectionResetError: pass\n"
        "sys.stdout.buffer.write(data)\n"
    )
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", SOCKETS_PYTHON, "-c", script, str(stack.socket)]

    def attempt():
        return subprocess.run(words, capture_output=True, timeout=15, cwd="/")

    folders = [stack.folder, stack.socket.parent.parent, stack.socket.parent]
    modes = {path: path.stat().st_mode & 0o7777 for path in [*folders, stack.socket]}
    assert modes[stack.socket] == 0o660 and modes[stack.socket.parent] == 0o750
    for folder in folders[:2]:
        folder.chmod(0o755)
    try:
        refused = attempt()
        assert b"PermissionError" in refused.stderr, "the folder and the socket keep strangers out"
        # With the file system's protection gone, the bridge itself looks at who it is.
        stack.socket.parent.chmod(0o755)
        stack.socket.chmod(0o666)
        admitted = attempt()
        assert admitted.returncode == 0, admitted.stderr
        assert b'"forbidden_peer"' in admitted.stdout, admitted.stdout
        assert b'"welcome"' not in admitted.stdout
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert stack.create().status == 201
