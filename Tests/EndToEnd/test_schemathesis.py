"""The running gateway against its own document: nothing that the document allows is refused, nothing else accepted, and no answer is undescribed."""

import os
import subprocess
import sys
from pathlib import Path


def test_the_gateway_keeps_to_its_document(stack, tmp_path):
    base = f"http://127.0.0.1:{stack.ports['edge-http']}"
    command = [
        Path(sys.executable).with_name("schemathesis"), "run", f"{base}/docs/vy-finance-payments.json", "--url", base,
        "--max-examples", "20", "--seed", "1", "--no-color",
    ]
    hooks = {"PYTHONPATH": str(Path(__file__).parent), "SCHEMATHESIS_HOOKS": "harness.schemathesis_hooks"}
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300, env={**os.environ, **hooks})
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert "9 selected / 9 total" in run.stdout, run.stdout[-8000:]
