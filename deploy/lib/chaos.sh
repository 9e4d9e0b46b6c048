# shellcheck shell=bash
# `chaos`: the real stack under load and faults, and a check of what clients were told (docs/chaos.md).

# run_released PROGRAM ARGUMENTS... - a program of Tests/Chaos on release binaries.
run_released() {
    local program=$1
    shift
    trap 'exit 130' INT
    trap 'exit 143' TERM
    ensure_everything && build_release "${PRODUCTS[@]}" || exit
    VY_GATEWAY_BIN=$BIN NOIDA_DB=$(noida_db) "$VENV/bin/python" "$ROOT/Tests/Chaos/$program" "$@"
}

dev_chaos() { run_released run.py --reports "$RUN_DIR/chaos" "$@"; }

# The checker's own tests, and rounds of fixed seeds.
chaos_tests() {
    VY_GATEWAY_BIN=$BIN NOIDA_DB=$(noida_db) CHAOS_REPORTS=$RUN_DIR/chaos "$VENV/bin/python" -m pytest "$ROOT/Tests/Chaos" -p no:cacheprovider "$@"
}

# Constant load for a long time, and a check that no process keeps growing.
dev_soak() { run_released soak.py "$@"; }
