# shellcheck shell=bash
# `test`: everything a submission must pass, in stages, each with its line at the end.

RESULTS=()
FAILED=0

# stage NAME FUNCTION ARGUMENTS... - a stage that fails does not stop the others, but those that need it are skipped by their caller.
stage() {
    local name=$1 start=$SECONDS status=0
    shift
    say '' "${BOLD}== $name${PLAIN}"
    "$@" || status=$?
    if ((status == 0)); then
        RESULTS+=("$(printf '%sok%s     %-24s %5d s' "$GREEN" "$PLAIN" "$name" $((SECONDS - start)))")
    else
        RESULTS+=("$(printf '%sFAILED%s %-24s %5d s' "$RED" "$PLAIN" "$name" $((SECONDS - start)))")
        FAILED=1
    fi
    return "$status"
}

skip() { RESULTS+=("$(printf '%sskipped%s %s' "$YELLOW" "$PLAIN" "$1")"); }

check_format() { swift format lint --strict --parallel --recursive Sources Tests Fuzz Package.swift; }

build_tests() { run_logged 'Building the tests' "$RUN_DIR/build-tests.log" swift build --build-tests; }

free_port() { "$VENV/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# The tests of the Redis and Kafka libraries talk to real servers, which live as long as the tests. A broker that is named is used; the
# redis-server is always an own one, since a test kills its connections.
# unit_tests [OPTION...] - options of `swift test`.
unit_tests() {
    local redis kafka
    redis=$(free_port)
    kafka=$(free_port)
    rm -rf "$RUN_DIR/unit"
    mkdir -p "$RUN_DIR/unit"/{logs,pids,redis,broker}
    (
        RUN_DIR=$RUN_DIR/unit REDIS_NAME=127.0.0.1 REDIS=$redis KAFKA=127.0.0.1:$kafka KAFKA_PORT=$kafka
        NEAR=127.0.0.1 HOST=127.0.0.1 NODE_ENV=test SOCKET='' COLLECTOR='' BROKER_PROGRAM=$(noida_db)
        trap stop_all EXIT
        trap 'exit 130' INT TERM HUP
        start_process redis
        wait_ready redis 20 || exit
        if [[ -n ${KAFKA_BROKER:-} ]]; then
            KAFKA=$KAFKA_BROKER
        else
            start_process broker
            wait_ready broker 30 || exit
        fi
        REDIS_TEST_PORT=$redis KAFKA_TEST_BROKER=$KAFKA swift test --skip-build "$@"
    )
}

# The files under deploy, read as those read them who will run them, and compared with the program's settings.
deploy_files() { "$VENV/bin/python" -m pytest "$ROOT/Tests/Deploy" -p no:cacheprovider -q; }

end_to_end_tests() {
    VY_GATEWAY_BIN=$BIN NOIDA_DB=$(noida_db) "$VENV/bin/python" -m pytest "$ROOT/Tests/EndToEnd" -p no:cacheprovider "$@"
}

dev_test() {
    local what=all ready=yes built=yes
    case ${1:-} in
        --unit) what=unit && shift ;;
        --e2e) what=e2e && shift ;;
        '') ;;
        *) fail "test: no such option: $1" ;;
    esac
    trap 'exit 130' INT
    trap 'exit 143' TERM
    stage 'install' ensure_everything_for_tests || ready=no
    if [[ $ready == no ]]; then
        for name in 'format' 'build' 'deploy files' 'unit tests' 'fuzz targets' 'end-to-end tests' 'chaos'; do skip "$name"; done
    else
        if [[ $what != e2e ]]; then
            stage 'format' check_format || true
            stage 'build with tests' build_tests || built=no
            # With the programs built they say themselves what their settings are; without, .env-example does.
            stage 'deploy files' deploy_files || true
            if [[ $built == yes ]]; then
                stage 'unit tests' unit_tests || true
                stage 'fuzz targets' fuzz 10 || true
            else
                skip 'unit tests'
                skip 'fuzz targets'
            fi
        fi
        if [[ $what != unit ]]; then
            if stage 'build for release' build_release "${PRODUCTS[@]}" conformance-server; then
                stage 'end-to-end tests' end_to_end_tests "$@" || true
                if [[ $what == all ]]; then stage 'chaos' chaos_tests || true; fi
            else
                skip 'end-to-end tests'
                if [[ $what == all ]]; then skip 'chaos'; fi
            fi
        fi
    fi
    say '' "${BOLD}== summary${PLAIN}"
    printf '%s\n' "${RESULTS[@]}"
    exit "$FAILED"
}
