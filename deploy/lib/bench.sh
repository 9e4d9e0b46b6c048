# shellcheck shell=bash
# `bench`: load drivers against release binaries. They print figures and judge nothing: no test depends on them.

dev_bench() {
    case ${1:-} in
        ws)
            shift
            build_release edge-ws
            python3 "$ROOT/Benchmarks/ws/run.py" "$@"
            ;;
        ipc | json)
            build_release gateway-bench
            "$BIN/gateway-bench" "$@"
            ;;
        *) fail 'bench: which one? ./deploy/dev bench ws|ipc|json [--help]' ;;
    esac
}
