#!/usr/bin/env python3
"""librdkafka's mock cluster as a broker for other processes, which fails as it is told: `mock_broker.py FOLDER TOPIC:PARTITIONS...`

It listens on a port of its own choice, which it writes into FOLDER/bootstrap, and takes commands on the Unix socket FOLDER/control, one line each:
`errors API CODE...` (the next answers of that API), `refuse TOPIC CODE` (until it is 0), `down`, `up`, `delay MILLISECONDS`.
"""

import ctypes
import socket
import sys
from pathlib import Path

PRODUCER, ONLY_BROKER = 0, 1


class MockCluster:
    def __init__(self, topics: dict[str, int]):
        library = self.library = ctypes.CDLL("librdkafka.so.1")
        for name, kind in (("rd_kafka_conf_new", ctypes.c_void_p), ("rd_kafka_new", ctypes.c_void_p),
                           ("rd_kafka_mock_cluster_new", ctypes.c_void_p), ("rd_kafka_mock_cluster_bootstraps", ctypes.c_char_p)):
            getattr(library, name).restype = kind
        reason = ctypes.create_string_buffer(512)
        conf = ctypes.c_void_p(library.rd_kafka_conf_new())
        self.handle = ctypes.c_void_p(library.rd_kafka_new(PRODUCER, conf, reason, len(reason)))
        assert self.handle.value, reason.value
        self.cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(self.handle, 1))
        for topic, partitions in topics.items():
            error = library.rd_kafka_mock_topic_create(self.cluster, topic.encode(), partitions, 1)
            assert error == 0, (topic, error)

    @property
    def bootstrap(self) -> str:
        return self.library.rd_kafka_mock_cluster_bootstraps(self.cluster).decode()

    def errors(self, api: int, *codes: int) -> None:
        array = (ctypes.c_int * len(codes))(*codes)
        self.library.rd_kafka_mock_push_request_errors_array(self.cluster, ctypes.c_int16(api), ctypes.c_size_t(len(codes)), array)

    def refuse(self, topic: str, code: int) -> None:
        self.library.rd_kafka_mock_topic_set_error(self.cluster, topic.encode(), code)

    def down(self) -> None:
        self.library.rd_kafka_mock_broker_set_down(self.cluster, ONLY_BROKER)

    def up(self) -> None:
        self.library.rd_kafka_mock_broker_set_up(self.cluster, ONLY_BROKER)

    def delay(self, milliseconds: int) -> None:
        self.library.rd_kafka_mock_broker_set_rtt(self.cluster, ONLY_BROKER, milliseconds)


def main(folder: Path, topics: dict[str, int]) -> None:
    cluster = MockCluster(topics)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
        control.bind(str(folder / "control"))
        control.listen()
        (folder / "bootstrap").write_text(cluster.bootstrap)
        while True:
            peer, _ = control.accept()
            with peer, peer.makefile("rw") as lines:
                for line in lines:
                    command, *words = line.split()
                    getattr(cluster, command)(*(int(word) if word.isdigit() else word for word in words))
                    lines.write("ok\n")
                    lines.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), {name: int(count) for name, count in (word.split(":") for word in sys.argv[2:])})
