"""Socket.IO 5 over the wire, byte by byte, on both transports."""

import base64
import json
import time

import pytest
from harness.clock import running
from harness.conformance import INTERVAL, TIMEOUT, Engine, Polling, sid_of
from harness.wire import WebSocket


class Line:
    """A session without CONNECT, on either transport; messages are Socket.IO's packets, heartbeats are answered and not shown."""

    def __init__(self, engine: Engine, transport: str):
        self.session: Polling | None = engine.polling() if transport == "polling" else None
        self.websocket: WebSocket | None = engine.websocket() if transport == "websocket" else None
        self.sid = self.session.sid if self.session else sid_of(self.websocket.receive_text())
        self._waiting: list[str | bytes] = []

    def send(self, *packets: str | bytes) -> None:
        """Text without Engine.IO's digit."""
        if self.websocket:
            self.websocket.send(*("4" + packet if isinstance(packet, str) else packet for packet in packets))
        else:
            self.session.post(*("4" + packet if isinstance(packet, str) else "b" + base64.b64encode(packet).decode() for packet in packets))

    def receive(self) -> str | bytes:
        while True:
            if self.websocket:
                opcode, payload = self.websocket.receive()
                assert opcode in (1, 2), (opcode, payload)
                self._waiting.append(payload.decode() if opcode == 1 else payload)
            elif not self._waiting:
                self._waiting += [base64.b64decode(p[1:]) if p[0] == "b" else p for p in self.session.packets()]
            packet = self._waiting.pop(0)
            if packet != "2":
                return packet.removeprefix("4") if isinstance(packet, str) else packet
            if self.websocket:
                self.websocket.send("3")
            else:
                self.session.send("3")

    def join(self, namespace: str = "/", payload: str = "") -> str:
        """The Socket.IO id."""
        head = "" if namespace == "/" else namespace + ","
        self.send(f"0{head}{payload}")
        reply = self.receive()
        sid = json.loads(reply.removeprefix(f"0{head}"))["sid"]
        assert reply == f'0{head}{{"sid":"{sid}"}}'
        assert self.receive() == f'2{head}["auth",{payload or "{}"}]'
        return sid

    def is_well(self) -> bool:
        self.send('2["message","well"]')
        return self.receive() == '2["message-back","well"]'

    def assert_closed(self, seconds: float = 0.2) -> None:
        """Well before a heartbeat could have ended it."""
        start = time.monotonic()
        if self.websocket:
            while True:
                opcode, payload = self.websocket.receive()
                if opcode == 8:
                    break
                assert payload != b"2"
            assert self.websocket.rest() == b""
        else:
            while not self.session.is_gone():
                pass
        assert running(start) < seconds

    def close(self) -> None:
        if self.websocket:
            self.websocket.close()


@pytest.fixture(params=["websocket", "polling"])
def line(sio, request):
    line = Line(sio, request.param)
    yield line
    line.close()


# 11 and 12: CONNECT


@pytest.mark.parametrize("sent, reply, event", [
    ("0", '0{"sid":"SID"}', '2["auth",{}]'),
    ('0{"token":"123"}', '0{"sid":"SID"}', '2["auth",{"token":"123"}]'),
    ("0/custom,", '0/custom,{"sid":"SID"}', '2/custom,["auth",{}]'),
    ("0/custom", '0/custom,{"sid":"SID"}', '2/custom,["auth",{}]'),
    ('0/custom,{"token":"abc"}', '0/custom,{"sid":"SID"}', '2/custom,["auth",{"token":"abc"}]'),
    ("0/,", '0{"sid":"SID"}', '2["auth",{}]'),
    ('0{ "b" : 1,"a":"/é\\u00e9", "b":2 }', '0{"sid":"SID"}', '2["auth",{ "b" : 1,"a":"/é\\u00e9", "b":2 }]'),
    ('0{"n":12345678901234567890,"f":1.0,"e":1E2}', '0{"sid":"SID"}', '2["auth",{"n":12345678901234567890,"f":1.0,"e":1E2}]'),
])
def test_11_connect(line, sent, reply, event):
    line.send(sent)
    answer = line.receive()
    sid = json.loads(answer[answer.index("{"):])["sid"]
    assert answer == reply.replace("SID", sid)
    assert len(sid) == 20
    assert line.receive() == event


def test_11_each_namespace_has_its_id_and_none_is_the_sessions(line):
    ids = {line.sid, line.join(), line.join("/custom")}
    assert len(ids) == 3


@pytest.mark.parametrize("payload", [",", "", ',{"token":"abc"}'])
@pytest.mark.parametrize("namespace", ["/random", "/custom2", "/Custom", "/custom/", "/é"])
def test_12_unknown_namespace(line, namespace, payload):
    line.send(f"0{namespace}{payload}")
    assert line.receive() == f'4{namespace},{{"message":"Invalid namespace"}}'
    line.join()
    assert line.is_well(), "the connection stays"


# 12: events and acknowledgements, byte by byte

BINARY = '["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
EXCHANGES = [
    (['2["message",1,"2",{"3":[true]}]'], ['2["message-back",1,"2",{"3":[true]}]']),
    (['2456["message-with-ack",1,"2",{"3":[false]}]'], ['3456[1,"2",{"3":[false]}]']),
    (['52-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', b"\x01\x02\x03", b"\x04\x05\x06"],
     ['52-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', b"\x01\x02\x03", b"\x04\x05\x06"]),
    (["52-789" + BINARY, b"\x01\x02\x03", b"\x04\x05\x06"],
     ['62-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', b"\x01\x02\x03", b"\x04\x05\x06"]),
    (['2["message"]'], ['2["message-back"]']),
    (['20["message-with-ack"]'], ["30[]"]),
    (['29007199254740993["message-with-ack",0]'], ["39007199254740993[0]"]),
    (['2["message",{"z":1,"a":{"y":null,"b":-0.0}}]'], ['2["message-back",{"z":1,"a":{"y":null,"b":-0.0}}]']),
    (['2["message","/","\\/","é","\\u00e9","😀","\\ud83d\\ude00"]'], ['2["message-back","/","\\/","é","\\u00e9","😀","\\ud83d\\ude00"]']),
    (['2["message",100000000000000000000,1e400,0.10,1]'], ['2["message-back",100000000000000000000,1e400,0.10,1]']),
    (['2["m\\u0065ssage",1]'], ['2["message-back",1]']),
    (['2/,["message",1]'], ['2["message-back",1]']),
    (['51-["message",{"a":[{"_placeholder":true,"num":0}]}]', b""], ['51-["message-back",{"a":[{"_placeholder":true,"num":0}]}]', b""]),
    (['510-["message",' + ",".join(f'{{"_placeholder":true,"num":{n}}}' for n in range(10)) + "]", *(bytes([n]) for n in range(10))],
     ['510-["message-back",' + ",".join(f'{{"_placeholder":true,"num":{n}}}' for n in range(10)) + "]", *(bytes([n]) for n in range(10))]),
    (['2["message","' + "x" * 100_000 + '"]'], ['2["message-back","' + "x" * 100_000 + '"]']),
]


@pytest.mark.parametrize("sent, expected", EXCHANGES, ids=range(len(EXCHANGES)))
def test_12_events_and_acknowledgements(line, sent, expected):
    line.join()
    line.send(*sent)
    assert [line.receive() for _ in expected] == expected


def test_12_ignored(line):
    """Events without a listener, acknowledgements that nobody asked for, and events of a namespace that has none."""
    line.join()
    line.join("/custom")
    line.send('2["other",1]', "399[]", '2[123,"a number is a name as well"]', '2/custom,["message",1]', '2/custom,7["message-with-ack",1]')
    assert line.is_well()


# 13: what breaks the protocol ends the connection

BROKEN = [
    "abc", "2{}", '2abc["message",1]', "", "7", "9", '2["message"', '2["message",]', '2["message"]x', "2[]", "2", "2[null]", "2[{}]", "2[[]]", "2[true]",
    '2["connect"]', '2["connect_error"]', '2["disconnect"]', '2["disconnecting"]', '2["newListener"]', '2["removeListener"]', '2["c\\u006fnnect"]',
    '2"message"', "3[1]", "31", "31{}", '31"x"', '1{"x":1}', "1[]", "0[]", '0"x"', "0{", '0/custom,{"a":1', "0null", "4", '4{"message":"x"}', "0",
    '2/custom,["message"]', '2/random,["message"]', '5["message"]', '5-["message"]', '51["message",{"_placeholder":true,"num":0}]', "5x-[]",
    '51-["message",{"_placeholder":true,"num":1}]', '51-["message",{"_placeholder":true,"num":-1}]', '51-["message",{"_placeholder":true,"num":"0"}]',
    '51-["message",{"_placeholder":true}]', '511-["message"]', '599999999999999999999-["message"]', '61-["message"]', '2["message","\x01"]', '2["message","\\x"]',
    '2["message",01]', '2["message",NaN]', "2" + "[" * 5000, '2["message",' + "[" * 100 + "]" * 100 + "]", '2999999999999999999999["message-with-ack"]',
]


@pytest.mark.parametrize("packet", BROKEN, ids=lambda packet: packet[:24])
def test_13_broken_packets_end_the_connection(line, packet):
    line.join()
    line.send(packet)
    line.assert_closed()


ATTACHED = '51-["message",{"_placeholder":true,"num":0}]'


@pytest.mark.parametrize("packets", [
    [b"out of nothing"], [ATTACHED, '2["message"]'], [ATTACHED, ATTACHED], [ATTACHED, b"1", b"2"], ['2["message"]', b"1"],
], ids=["binary first", "an event within", "the same again", "one too many", "after an event"])
def test_13_attachments_out_of_order(line, packets):
    line.join()
    line.send(*packets)
    line.assert_closed()


@pytest.mark.parametrize("packet", ['2["message",1]', "31[]", '2/custom,["message",1]'])
def test_13_before_connect(line, packet):
    line.send(packet)
    line.assert_closed()


def test_13_one_that_never_connects_is_closed(line):
    start = time.monotonic()
    line.send("0/random")
    assert line.receive().startswith("4/random,")
    with pytest.raises((AssertionError, ConnectionError)):
        while True:
            line.receive()
    assert 0.9 < time.monotonic() - start and running(start) < 1.2


# 14: DISCONNECT


def test_14_disconnect(sio):
    line = Line(sio, "websocket")
    line.join()
    line.send("1")
    assert line.websocket.receive_text() == "2", "no answer, and the connection stays"
    line.websocket.send("3")
    line.join()
    line.close()


def test_14_after_a_disconnect_events_are_refused(line):
    line.join()
    line.send("1", '2["message",1]')
    line.assert_closed()


@pytest.mark.parametrize("packet", ["1/custom", "1/custom,"])
def test_14_leaving_one_namespace_leaves_the_other(line, packet):
    line.join()
    line.join("/custom")
    line.send(packet)
    assert line.is_well()
    line.join("/custom")


# 15: who never answers a heartbeat


def test_15_without_pongs_a_connection_ends(sio):
    start = time.monotonic()
    line = Line(sio, "websocket")
    line.join()
    assert line.websocket.receive_text() == "2"
    line.websocket.closed()
    assert INTERVAL + TIMEOUT <= time.monotonic() - start and running(start) < INTERVAL + TIMEOUT + 0.1


# Whatever the transport does


def test_events_go_on_over_an_upgrade(sio):
    line = Line(sio, "polling")
    line.join()
    session = line.session
    with sio.websocket(session.sid) as websocket:
        websocket.send("2probe")
        assert websocket.receive_text() == "3probe"
        session.send('42["message",1]', "4" + ATTACHED, "bAQI=")
        websocket.send("5", '42["message",3]')
        received = [websocket.receive()[1] for _ in range(4)]
    assert received == [b'42["message-back",1]', b'451-["message-back",{"_placeholder":true,"num":0}]', b"\x01\x02", b'42["message-back",3]']


def test_many_at_once_are_answered_in_order(line):
    line.join()
    for first in range(0, 300, 30):
        line.send(*(f'2{n}["message-with-ack",{n}]' for n in range(first, first + 30)))
        assert [line.receive() for _ in range(30)] == [f"3{n}[{n}]" for n in range(first, first + 30)]
