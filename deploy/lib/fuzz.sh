# shellcheck shell=bash
# `fuzz`: libFuzzer on what reads foreign bytes. The libraries at hand are compiled with the fuzzer and AddressSanitizer; NIO and the rest are
# linked as the debug build has them, which saves minutes.

# Each line needs only those above it.
FUZZ_LIBRARIES=(
    'RawJSON Telemetry'
    'RedisClient Shared SocketIO JSONSchema MessagePack'
    'Operations Authentication ResponseCache'
)
FUZZ_LINKED=(
    NIOCore NIOPosix NIOHTTP1 NIOWebSocket NIO NIOEmbedded NIOConcurrencyHelpers _NIOBase64 _NIODataStructures CNIOAtomics CNIODarwin CNIOFreeBSD
    CNIOLinux CNIOLLHTTP CNIOOpenBSD CNIOPosix CNIOSHA1 CNIOWASI CNIOWindows Atomics _AtomicsShims ContainersPreview DequeModule HeapModule
    InternalCollectionsUtilities Logging HTTPTypes Yams CYaml ServiceLifecycle UnixSignals ConcurrencyHelpers AsyncAlgorithms OrderedCollections
    ArgumentParser ArgumentParserToolInfo CoreMetrics
    Crypto CryptoBoringWrapper CryptoExtras _CryptoExtras CCryptoBoringSSL CCryptoBoringSSLShims CXKCP CXKCPShims JWTKit SwiftASN1 X509
    _CertificateInternals NIOFoundationCompat NIOFoundationEssentialsCompat NIOSSL NIOTLS CNIOBoringSSL CNIOBoringSSLShims
)

fuzz_targets() { (cd "$ROOT/Fuzz/Targets" && printf '%s\n' *.swift | sed 's/\.swift$//'); }

# What a target compiles beside itself: parsers that are in no library.
fuzz_sources() {
    case $1 in
        headers)
            printf '%s\n' edge-http/{Cache/CacheDirectives,HTTP/RequestRules,Operations/Preferences,Server/HTTPDate}.swift
            ;;
    esac
}

# in_parallel FUNCTION FOLDER NAME... - as many at once as there are processors.
in_parallel() {
    local function=$1 out=$2 name jobs=() status=0
    shift 2
    for name in "$@"; do
        if ((${#jobs[@]} >= $(nproc))); then
            wait "${jobs[0]}" || status=1
            jobs=("${jobs[@]:1}")
        fi
        "$function" "$out" "$name" &
        jobs+=($!)
    done
    for name in "${jobs[@]}"; do wait "$name" || status=1; done
    return "$status"
}

# The two that follow take their options from build_fuzz.
build_fuzz_library() {
    local out=$1 name=$2 files
    mapfile -d '' -t files < <(find "$ROOT/Sources/$name" -name '*.swift' -print0)
    swiftc "${options[@]}" -module-name "$name" -emit-module -emit-module-path "$out/$name.swiftmodule" -c "${files[@]}" -o "$out/$name.o"
}

build_fuzz_target() {
    local out=$1 name=$2 files
    mapfile -t files < <(fuzz_sources "$name" | sed "s,^,$ROOT/Sources/,")
    swiftc "${options[@]}" -module-name fuzz -use-ld=lld -Xlinker --strip-debug "$ROOT/Fuzz/Support.swift" "$ROOT/Fuzz/Targets/$name.swift" \
        "${files[@]}" "${objects[@]}" -lhiredis -o "$out/$name"
}

# build_fuzz FOLDER [TARGET...]
build_fuzz() {
    local out=$1 built=$ROOT/.build/debug name file line objects=() options names
    shift
    options=(
        -O -wmo -sanitize=fuzzer,address -parse-as-library -enable-testing -swift-version 6 -warnings-as-errors -package-name vy-gateway
        -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility -enable-upcoming-feature InternalImportsByDefault
        -I "$out" -I "$built/Modules" -Xcc "-fmodule-map-file=$ROOT/Sources/CHiredis/module.modulemap"
        -Xcc "-fmodule-map-file=$ROOT/Sources/CMalloc/module.modulemap"
    )
    while IFS= read -r file; do options+=(-Xcc "-fmodule-map-file=$file"); done < <(
        find -L "$built" -mindepth 2 -maxdepth 2 -name module.modulemap
        find "$ROOT/.build/checkouts"/{swift-{nio,nio-ssl,atomics,crypto},Yams}/Sources -path '*/include/module.modulemap'
    )
    for name in "${FUZZ_LINKED[@]}"; do
        if [[ ! -d $built/$name.build ]]; then continue; fi
        while IFS= read -r -d '' file; do objects+=("$file"); done < <(find -L "$built/$name.build" -name '*.o' -print0)
    done
    for line in "${FUZZ_LIBRARIES[@]}"; do
        read -ra names <<<"$line"
        in_parallel build_fuzz_library "$out" "${names[@]}" || return
        for name in "${names[@]}"; do objects+=("$out/$name.o"); done
    done
    in_parallel build_fuzz_target "$out" "$@"
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
    if (($# == 0)); then mapfile -t targets < <(fuzz_targets) && set -- "${targets[@]}"; fi
    mkdir -p "$RUN_DIR/fuzz"
    run_logged 'Building the fuzz targets' "$RUN_DIR/build-fuzz.log" build_fuzz "$RUN_DIR/fuzz" "$@" || return
    run_fuzz "$seconds" "$@"
}

dev_fuzz() {
    local seconds=${1:-60}
    [[ $seconds =~ ^[1-9][0-9]*$ ]] || fail "fuzz: '$seconds' is no number of seconds"
    ensure_everything && build_tests && fuzz "$seconds" "${@:2}"
}
