"""A seed says what happens, and schedules are ones that can be carried out."""

import pytest
from chaos.schedule import RECOVERY, WEIGHTS, family, schedule

TARGETS = ["redis", "broker", "demo", "bridge-1", "bridge-2", "edge-http-1", "edge-http-2", "edge-ws-1", "edge-ws-2"]


def test_a_seed_replays_its_faults():
    assert schedule("7/1", 60, TARGETS) == schedule("7/1", 60, TARGETS)
    assert schedule("7/1", 60, TARGETS) != schedule("7/2", 60, TARGETS)


@pytest.mark.parametrize("seed", range(20))
def test_faults_of_one_process_do_not_overlap(seed):
    faults = schedule(str(seed), 60, TARGETS)
    assert len(faults) >= 20
    for target in TARGETS:
        own = [fault for fault in faults if fault.target == target]
        assert own, f"nothing happens to {target}"
        assert all(later.at >= fault.at + fault.pause + RECOVERY - 0.02 for fault, later in zip(own, own[1:]))
    for fault in faults:
        assert fault.kind in WEIGHTS[family(fault.target)]
        assert 0 < fault.at and fault.at + fault.pause <= 60.02


def test_the_mock_cluster_has_no_consumers_that_come_back():
    faults = [fault for seed in range(20) for fault in schedule(str(seed), 60, ["demo", "mock", "bridge-1"])]
    assert {fault.kind for fault in faults if fault.target == "demo"} == {"freeze"}


def test_every_kind_of_fault_comes_up():
    seen = {
        (family(fault.target), fault.kind) for seed in range(20) for targets in (TARGETS, [*TARGETS, "mock"])
        for fault in schedule(str(seed), 60, targets)}
    assert seen == {(name, kind) for name, kinds in WEIGHTS.items() for kind in kinds}
