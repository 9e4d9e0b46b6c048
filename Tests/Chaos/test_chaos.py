"""A short set: the real stack under load and the faults of fixed seeds. `./deploy/dev chaos` runs longer ones."""

import asyncio
import os
from pathlib import Path

import pytest
from chaos.check import violations
from chaos.report import write_report
from chaos.round import Plan, Round, summary

REPORTS = Path(os.environ.get("CHAOS_REPORTS") or Path(__file__).resolve().parents[2] / ".run/chaos")


@pytest.mark.stack
@pytest.mark.parametrize("seed", ["short-1", "short-2"])
def test_nothing_is_lost(seed):
    plan = Plan(seed, seconds=7, rate=60, pace=0.6)
    stack = plan.stack("chaos-test")
    try:
        stack.start()
        history = asyncio.run(Round(plan, stack).run())
        found = violations(history)
        print(summary(history))
        if found:
            write_report(REPORTS / seed, stack, history, found)
        assert not found, "\n".join(map(str, found[:20])) + f"\nreport: {REPORTS / seed}"
        assert len(history.incidents) >= 6 and len(history.requests) >= 50, "too little happened to show anything"
    finally:
        stack.stop()
