# shellcheck shell=bash
# `sanitize`: the unit tests with a sanitizer, built beside the other builds so that these stay as they are.

dev_sanitize() {
    local kind=${1:-} filter=${2:-} options
    [[ $kind == address || $kind == thread ]] || fail 'sanitize: address or thread?'
    options=(--sanitize "$kind" --scratch-path "$RUN_DIR/sanitize/$kind")
    ensure_everything
    mkdir -p "$RUN_DIR/sanitize"
    run_logged "Building the tests with the $kind sanitizer" "$RUN_DIR/sanitize/$kind.log" swift build --build-tests "${options[@]}"
    if [[ -n $filter ]]; then options+=(--filter "$filter"); fi
    unit_tests "${options[@]}"
}
