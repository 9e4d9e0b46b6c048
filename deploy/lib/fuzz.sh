# shellcheck shell=bash
# `fuzz`: libFuzzer on the parsers. The libraries at hand are compiled with the fuzzer and AddressSanitizer; NIO and the rest are linked as the
# debug build has them, which saves minutes.

FUZZ_LIBRARIES=(RawJSON MessagePack SocketIO)
FUZZ_LINKED=(
    NIOCore NIOPosix NIOHTTP1 NIOWebSocket NIO NIOEmbedded NIOConcurrencyHelpers _NIOBase64 _NIODataStructures CNIOAtomics CNIODarwin CNIOFreeBSD
    CNIOLinux CNIOLLHTTP CNIOOpenBSD CNIOPosix CNIOSHA1 CNIOWASI CNIOWindows Atomics _AtomicsShims ContainersPreview DequeModule HeapModule
    InternalCollectionsUtilities Logging
)

fuzz_targets() { (cd "$ROOT/Fuzz/Targets" && printf '%s\n' *.swift | sed 's/\.swift$//'); }

# Into the folder of its argument.
build_fuzz() {
    local out=$1 built=$ROOT/.build/debug name file objects=() options
    options=(
        -O -wmo -sanitize=fuzzer,address -parse-as-library -enable-testing -swift-version 6 -warnings-as-errors
        -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility -enable-upcoming-feature InternalImportsByDefault
        -I "$out" -I "$built/Modules"
    )
    while IFS= read -r file; do options+=(-Xcc "-fmodule-map-file=$file"); done < <(
        find -L "$built" -mindepth 2 -maxdepth 2 -name module.modulemap
        find "$ROOT/.build/checkouts"/swift-{nio,atomics}/Sources -path '*/include/module.modulemap'
    )
    for name in "${FUZZ_LINKED[@]}"; do
        if [[ ! -d $built/$name.build ]]; then continue; fi
        while IFS= read -r -d '' file; do objects+=("$file"); done < <(find -L "$built/$name.build" -name '*.o' -print0)
    done
    for name in "${FUZZ_LIBRARIES[@]}"; do
        mapfile -d '' -t files < <(find "$ROOT/Sources/$name" -name '*.swift' -print0)
        swiftc "${options[@]}" -module-name "$name" -emit-module -emit-module-path "$out/$name.swiftmodule" -c "${files[@]}" -o "$out/$name.o" || return
        objects+=("$out/$name.o")
    done
    for name in $(fuzz_targets); do
        swiftc "${options[@]}" -module-name fuzz -use-ld=lld "$ROOT/Fuzz/Support.swift" "$ROOT/Fuzz/Targets/$name.swift" "${objects[@]}" -o "$out/$name" || return
    done
}

# run_fuzz SECONDS TARGET... - all at once; what they find new is kept in the run folder, and a finding's input is named in the log.
run_fuzz() {
    local seconds=$1 out=$RUN_DIR/fuzz name jobs=() status=0
    shift
    for name in "$@"; do
        mkdir -p "$out/corpus/$name" "$out/findings"
        ASAN_OPTIONS=detect_leaks=0 "$out/$name" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=1024 \
            -artifact_prefix="$out/findings/$name-" "$out/corpus/$name" "$ROOT/Fuzz/Corpus/$name" >"$out/$name.log" 2>&1 </dev/null &
        jobs+=($!)
    done
    for name in "$@"; do
        if wait "${jobs[0]}"; then
            printf '  %-12s %s\n' "$name" "$(grep -E '^Done ' "$out/$name.log")"
        else
            status=1
            complain "$name: a finding"
            { grep -vE '^(#|INFO)' "$out/$name.log" | head -n 40 || true; } >&2
            { grep -E '^(artifact_prefix|Base64)' "$out/$name.log" || true; } >&2
        fi
        jobs=("${jobs[@]:1}")
    done
    return "$status"
}

# fuzz SECONDS [TARGET...] - the debug build with tests has to be there.
fuzz() {
    local seconds=$1
    shift
    mkdir -p "$RUN_DIR/fuzz"
    run_logged 'Building the fuzz targets' "$RUN_DIR/build-fuzz.log" build_fuzz "$RUN_DIR/fuzz" || return
    if (($# == 0)); then mapfile -t targets < <(fuzz_targets) && set -- "${targets[@]}"; fi
    run_fuzz "$seconds" "$@"
}

dev_fuzz() {
    local seconds=${1:-60}
    [[ $seconds =~ ^[1-9][0-9]*$ ]] || fail "fuzz: '$seconds' is no number of seconds"
    ensure_everything && build_tests && fuzz "$seconds" "${@:2}"
}
