"""deploy/systemd/restart: what it does when a unit does not come back."""

import pytest
from deploycheck import ROOT, restart, systemd

UNITS = restart.documented(ROOT)


def restarted(calls: list[str]) -> list[str]:
    return [call.split()[-1] for call in calls if call.startswith("systemctl ")]


@pytest.fixture
def readyz(settings) -> dict[str, str]:
    return {own.where.removesuffix(".service"): restart.readyz(own, settings) for own in systemd.instances(ROOT)}


def test_each_is_restarted_when_the_one_before_is_ready(readyz):
    done, calls = restart.run(ROOT, UNITS)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.split() == UNITS
    steps = [[f"systemctl restart {unit}", readyz[unit], "sleep 15" if "edge-ws" in unit else "sleep 3", readyz[unit]] for unit in UNITS]
    assert [call.split()[-1] if call.startswith("curl ") else call for call in calls] == sum(steps, [])


@pytest.mark.parametrize("number", [0, 1, 2, 5])
def test_it_ends_at_a_unit_that_does_not_start(number):
    done, calls = restart.run(ROOT, UNITS, fails=f"systemctl restart {UNITS[number]}")
    assert done.returncode != 0 and restarted(calls) == UNITS[:number + 1]


@pytest.mark.parametrize("number", [0, 1, 2, 5])
@pytest.mark.parametrize("ever", ["", "*"], ids=["never", "no longer"])
def test_it_ends_at_a_unit_that_is_not_ready(readyz, number, ever):
    done, calls = restart.run(ROOT, UNITS, fails=readyz[UNITS[number]] + ever)
    assert done.returncode == 1 and f"{UNITS[number]} is not ready" in done.stderr
    assert restarted(calls) == UNITS[:number + 1]
    assert calls.count("sleep 1") == (0 if ever else 60)


def test_all_names_are_looked_at_first():
    for units in ([], [UNITS[0], "nginx@8080"]):
        done, calls = restart.run(ROOT, units)
        assert done.returncode == 64 and done.stderr and calls == []


def test_names_with_the_suffix_are_the_same(readyz):
    done, calls = restart.run(ROOT, [f"{UNITS[0]}.service"])
    assert done.returncode == 0 and calls[1].endswith(readyz[UNITS[0]])
