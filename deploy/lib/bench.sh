# shellcheck shell=bash
# `bench`: load drivers against release binaries. They print figures and judge nothing: no test depends on them.

# What only benchmarks need.
ensure_bench() {
    local -a missing=()
    ensure_everything
    command -v wrk >/dev/null || missing+=(wrk)
    command -v gcc >/dev/null || missing+=(gcc libc6-dev)
    if ((${#missing[@]} > 0)); then
        run_logged "Installing ${missing[*]}" "$RUN_DIR/install.log" apt_update_and_install "${missing[@]}"
    fi
    run_logged 'Installing Python packages of the benchmarks' "$RUN_DIR/install.log" \
        "$VENV/bin/python" -m pip install --disable-pip-version-check --no-input -r "$ROOT/Benchmarks/requirements.txt"
}

dev_bench() {
    case ${1:-} in
        ws)
            shift
            build_release edge-ws
            python3 "$ROOT/Benchmarks/ws/run.py" "$@"
            ;;
        http)
            shift
            ensure_bench
            build_release edge-http bridge-kafka gateway-bench
            NOIDA_DB=$(noida_db) "$VENV/bin/python" "$ROOT/Benchmarks/http/run.py" --binaries "$BIN" "$@"
            ;;
        ipc | json)
            build_release gateway-bench
            "$BIN/gateway-bench" "$@"
            ;;
        *) fail 'bench: which one? ./deploy/dev bench http|ws|ipc|json [--help]' ;;
    esac
}
