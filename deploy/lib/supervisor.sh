# shellcheck shell=bash
# Starts processes, starts those anew that die, and stops all of them in reverse order.
#
# Every child has a session of its own, so that Ctrl-C reaches only this script, which then stops them in order; and the kernel sends
# each SIGTERM when this script is gone (setpriv --pdeathsig), so that none survives a kill -9 of it or a closed terminal.

declare -A PID STARTED RETRY_AT BACKOFF
STARTED_NAMES=()
FOLLOWER=''
STOPPING=no

start_process() {
    local name=$1
    command_of "$name"
    setsid setpriv --pdeathsig TERM -- "${COMMAND[@]}" >>"$RUN_DIR/logs/$name.log" 2>&1 </dev/null &
    PID[$name]=$!
    STARTED[$name]=$SECONDS
    printf '%s\n' "$!" >"$RUN_DIR/pids/$name"
    [[ " ${STARTED_NAMES[*]} " == *" $name "* ]] || STARTED_NAMES+=("$name")
}

is_running() { [[ -n ${PID[$1]:-} ]] && kill -0 "${PID[$1]}" 2>/dev/null; }

# How a child that is gone ended, in words.
ending_of() {
    local status=0
    wait "${PID[$1]}" 2>/dev/null || status=$?
    if ((status > 128)); then
        echo "was ended by SIG$(kill -l $((status - 128)) 2>/dev/null || echo "nal $((status - 128))")"
    else
        echo "ended with exit code $status"
    fi
}

show_last_lines() { tail -n "${2:-8}" "$RUN_DIR/logs/$1.log" 2>/dev/null | sed "s/^/    $1 | /" >&2; }

# wait_ready NAME SECONDS
wait_ready() {
    local name=$1 until=$((SECONDS + $2))
    until is_ready "$name"; do
        if ! is_running "$name"; then
            ending_of "$name" >"$RUN_DIR/ending"
            complain "$name $(<"$RUN_DIR/ending") before it was ready:"
            show_last_lines "$name" 15
            return 1
        fi
        if ((SECONDS >= until)); then
            complain "$name is not ready after $2 s: $(lacks "$name")"
            show_last_lines "$name" 15
            return 1
        fi
        sleep 0.1
    done
}

# Starts those anew that died: at once after a long life, later and later when one keeps dying.
tend() {
    local name
    for name in "${STARTED_NAMES[@]}"; do
        if is_running "$name"; then continue; fi
        if [[ -z ${RETRY_AT[$name]:-} ]]; then
            ending_of "$name" >"$RUN_DIR/ending"
            if ((SECONDS - STARTED[$name] >= 20)); then BACKOFF[$name]=0; fi
            RETRY_AT[$name]=$((SECONDS + ${BACKOFF[$name]:-0}))
            warn "deploy/dev: $name (pid ${PID[$name]}) $(<"$RUN_DIR/ending"); starting it again in ${BACKOFF[$name]:-0} s. Its last lines:"
            show_last_lines "$name" 4
        fi
        if ((SECONDS < RETRY_AT[$name])); then continue; fi
        BACKOFF[$name]=$((${BACKOFF[$name]:-0} * 2 + 1))
        if ((BACKOFF[$name] > 15)); then BACKOFF[$name]=15; fi
        unset "RETRY_AT[$name]"
        # The workers of an nginx whose master was killed still hold its port.
        kill -KILL -- "-${PID[$name]}" 2>/dev/null || true
        start_process "$name"
        warn "deploy/dev: $name runs again as pid ${PID[$name]}"
    done
}

# Sends SIGTERM, waits as long as a process may take to drain, then kills.
stop_process() {
    local pid=$1 tries
    kill -TERM "$pid" 2>/dev/null || return 0
    for ((tries = 0; tries < 140; tries++)); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
}

stop_all() {
    local index name
    STOPPING=yes
    trap '' INT TERM HUP PIPE
    for ((index = ${#STARTED_NAMES[@]} - 1; index >= 0; index--)); do
        name=${STARTED_NAMES[index]}
        stop_process "${PID[$name]}"
        rm -f "$RUN_DIR/pids/$name"
    done
    if [[ -n $FOLLOWER ]]; then
        sleep 0.3 # the follower prints what came last
        kill -TERM "$FOLLOWER" 2>/dev/null || true
    fi
    rm -f "$RUN_DIR/dev.pid"
}

# A pause that costs no process: nothing ever writes to this pipe.
open_pause() {
    local fifo=$RUN_DIR/pause
    rm -f "$fifo"
    mkfifo "$fifo"
    exec {PAUSE}<>"$fifo"
    rm -f "$fifo"
}
pause() { read -r -t 0.25 -u "$PAUSE" _ || true; }
