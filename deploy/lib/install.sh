# shellcheck shell=bash
# Installs what is missing, and only that: Debian packages and a virtual environment of pinned Python packages.

VENV=$ROOT/.venv

# Prints the Debian packages whose commands or libraries are not here, of those that `up` needs.
missing_packages() {
    [[ -e /etc/ssl/certs/ca-certificates.crt ]] || echo ca-certificates
    command -v curl >/dev/null || echo curl
    command -v git >/dev/null || echo git
    command -v kcat >/dev/null || echo kcat
    command -v nginx >/dev/null || echo nginx-light
    command -v redis-server >/dev/null || echo redis-server
    command -v redis-cli >/dev/null || echo redis-tools
    command -v pkg-config >/dev/null || echo pkg-config
    [[ -e /usr/include/librdkafka/rdkafka.h ]] || echo librdkafka-dev
    [[ -e /usr/include/hiredis/hiredis.h ]] || echo libhiredis-dev
    usable_python >/dev/null || echo python3-venv
}

# The same of those that only tests need.
missing_test_packages() {
    command -v chromium >/dev/null || echo chromium
    command -v docker-compose >/dev/null || echo docker-compose
    command -v haproxy >/dev/null || echo haproxy
    command -v promtool >/dev/null || echo prometheus
    command -v slowhttptest >/dev/null || echo slowhttptest
    command -v systemd-analyze >/dev/null || echo systemd
}

# Prints a Python that can make a virtual environment: the first on the PATH, else Debian's.
usable_python() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    return 1
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "root or sudo is needed for: $*"
    fi
}

# Debian starts the services it installs. Here redis-server, nginx and haproxy are only programs to run on ports of our own, so for the time of the
# installation the policy is to start nothing. Of prometheus only promtool is wanted: its server does not start with the machine either.
install_packages() {
    local policy=/usr/sbin/policy-rc.d made=no status=0
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        made=yes
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" || status=$?
    if [[ $made == yes ]]; then as_root rm -f "$policy"; fi
    if [[ " $* " == *' prometheus '* && -x /usr/sbin/update-rc.d ]]; then as_root update-rc.d prometheus disable; fi
    return "$status"
}

apt_update_and_install() { as_root apt-get update && install_packages "$@"; }

# ensure_packages LIST... - installs what the functions of these names print.
ensure_packages() {
    local -a missing
    mapfile -t missing < <(for list in "$@"; do "$list"; done)
    ((${#missing[@]} > 0)) || return 0
    command -v apt-get >/dev/null || fail "missing, and no apt-get here to install them: ${missing[*]}"
    run_logged "Installing ${missing[*]}" "$RUN_DIR/install.log" apt_update_and_install "${missing[@]}"
}

# The environment is made anew when the pinned versions or the checkout's place change.
ensure_venv() {
    local wanted
    wanted="$VENV $(sha256sum <"$ROOT/deploy/requirements.txt")"
    if [[ -x $VENV/bin/python && $(cat "$VENV/.made-from" 2>/dev/null) == "$wanted" ]]; then return; fi
    rm -rf "$VENV"
    run_logged "Making the Python environment .venv" "$RUN_DIR/venv.log" make_venv || return
    printf '%s\n' "$wanted" >"$VENV/.made-from"
}

make_venv() {
    "$(usable_python)" -m venv "$VENV" &&
        "$VENV/bin/python" -m pip install --disable-pip-version-check --no-input -r "$ROOT/deploy/requirements.txt" &&
        chmod +x "$(noida_db)"
}

# The package's own command runs its program as a child, which would outlive a kill of the command; so the program is run itself.
noida_db() { "$VENV/bin/python" -c 'from importlib.resources import files; print(files("noida_db") / "noida-db")'; }

ensure_swift() { command -v swift >/dev/null || fail "no swift on the PATH: install Swift 6.3 from swift.org first"; }

ensure_everything() {
    ensure_swift && ensure_packages missing_packages && ensure_venv
}

ensure_everything_for_tests() {
    ensure_swift && ensure_packages missing_packages missing_test_packages && ensure_venv
}

# build_release PRODUCT... - sets BIN to the folder of the built programs.
build_release() {
    local product
    for product in "$@"; do
        run_logged "Building $product" "$RUN_DIR/build-$product.log" swift build -c release --product "$product" ||
            return
    done
    BIN=$(swift build -c release --show-bin-path 2>/dev/null)
}
