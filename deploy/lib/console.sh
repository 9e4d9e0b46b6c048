# shellcheck shell=bash
# What the command says on the terminal.

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    BOLD=$'\e[1m' RED=$'\e[31m' GREEN=$'\e[32m' YELLOW=$'\e[33m' PLAIN=$'\e[0m'
else
    BOLD='' RED='' GREEN='' YELLOW='' PLAIN=''
fi

say() { printf '%s\n' "$*"; }
warn() { printf '%s%s%s\n' "$YELLOW" "$*" "$PLAIN" >&2; }
complain() { printf '%sdeploy/dev: %s%s\n' "$RED" "$*" "$PLAIN" >&2; }
fail() {
    complain "$@"
    exit 1
}

# heartbeat PID LOGFILE - says every half minute what the last line is, as long as the process is there.
heartbeat() {
    local seconds=0
    while sleep 1 && kill -0 "$1" 2>/dev/null; do
        seconds=$((seconds + 1))
        if ((seconds % 30 == 0)); then printf '  %d s: %s\n' "$seconds" "$(tail -n 1 "$2" | cut -c 1-100)"; fi
    done
}

# run_logged LABEL LOGFILE COMMAND... - runs a long command with its output in a file, and shows the end of that only when the command fails.
run_logged() {
    local label=$1 log=$2 start=$SECONDS beat status=0
    shift 2
    printf '%s ...\n' "$label"
    : >"$log"
    heartbeat $$ "$log" &
    beat=$!
    "$@" >"$log" 2>&1 </dev/null || status=$?
    kill "$beat" 2>/dev/null || true
    wait "$beat" 2>/dev/null || true
    if ((status != 0)); then
        {
            grep -E '(^|: )error: ' "$log" | sort -u | head -n 30 || true
            printf -- '--- the last lines of %s\n' "$log"
            tail -n 30 "$log"
        } >&2
        complain "$label: failed (exit code $status)"
        return "$status"
    fi
    printf '  %sdone%s in %d s\n' "$GREEN" "$PLAIN" $((SECONDS - start))
}
