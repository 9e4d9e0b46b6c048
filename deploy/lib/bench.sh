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

# bench NAME OPTION... - what is not built or installed yet is so first.
bench() {
    local name=$1 program
    shift
    case $name in
        ws)
            build_release edge-ws || return
            python3 "$ROOT/Benchmarks/ws/run.py" "$@"
            ;;
        http | growth | updates)
            ensure_bench || return
            case $name in
                http) program=http/run.py ;;
                growth) program=http/growth.py ;;
                updates) program=updates/run.py ;;
            esac
            build_release edge-http bridge-kafka gateway-bench || return
            NOIDA_DB=$(noida_db) "$VENV/bin/python" "$ROOT/Benchmarks/$program" --binaries "$BIN" "$@"
            ;;
        ipc | json)
            build_release gateway-bench || return
            "$BIN/gateway-bench" "$name" "$@"
            ;;
        *) fail 'bench: which one? ./deploy/dev bench http|growth|ws|updates|ipc|json [--help], or all [FOLDER]' ;;
    esac
}

# bench_into FOLDER NAME OPTION... - one of several, whose failure does not end the others.
bench_into() {
    local folder=$1 name=$2
    shift 2
    printf '\n%s== %s %s%s\n' "$BOLD" "$name" "$*" "$PLAIN"
    bench "$name" --json "$folder/$name.json" "$@" || FAILED+=("$name")
}

# All, with options by which they take some six minutes; their results go to a folder.
bench_all() {
    local folder=${1:-$RUN_DIR/bench}
    local -a FAILED=()
    mkdir -p "$folder"
    bench_into "$folder" http --connections 1,64,1024 --seconds 4 --rates 1000
    bench_into "$folder" growth
    bench_into "$folder" ws --connections 10000 --crowd 100,1000,5000 --seconds 4 --settle 5
    bench_into "$folder" updates --seconds 5
    bench_into "$folder" ipc --seconds 2
    bench_into "$folder" json
    printf '\nResults: %s/*.json\n' "$folder"
    if ((${#FAILED[@]} > 0)); then fail "bench: failed: ${FAILED[*]}"; fi
}

dev_bench() {
    if [[ ${1:-} == all ]]; then
        shift
        bench_all "$@"
    else
        bench "${1:-}" "${@:2}"
    fi
}
