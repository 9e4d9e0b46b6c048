# shellcheck shell=bash
# `sanitize`: the unit tests with a sanitizer, built beside the other builds so that these stay as they are.

dev_sanitize() {
    local kind=${1:-} filter=${2:-} options
    [[ $kind == address || $kind == thread ]] || fail 'sanitize: address or thread?'
    options=(--sanitize "$kind" --scratch-path "$RUN_DIR/sanitize/$kind")
    ensure_everything
    mkdir -p "$RUN_DIR/sanitize"
    run_logged "Building the tests with the $kind sanitizer" "$RUN_DIR/sanitize/$kind.log" swift build --build-tests "${options[@]}"
    # The allocator is a sanitizer's own, so what it gives back to the system is no matter of ours. What static values hold is no leak, but
    # pointers in which Swift keeps bits of its own are not followed.
    options+=(--skip FreeMemoryTests)
    export ASAN_OPTIONS=detect_leaks=0
    # ThreadSanitizer does not know threads that are made by C11's thrd_create, as librdkafka's are, and crashes in them.
    if [[ $kind == thread ]]; then options+=(--skip 'KafkaClientTests|BridgeKafkaTests|ConfigurationTests'); fi
    if [[ -n $filter ]]; then options+=(--filter "$filter"); fi
    unit_tests "${options[@]}"
}
