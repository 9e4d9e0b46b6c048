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

# run_logged LABEL LOGFILE COMMAND... - runs a long command with its output in a file, says every half minute how far it is, and shows
# the end of the output only when the command fails.
run_logged() {
    local label=$1 log=$2 start=$SECONDS last=$SECONDS pid status=0
    shift 2
    printf '%s ...\n' "$label"
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.3
        if ((SECONDS - last >= 30)); then
            last=$SECONDS
            printf '  %d s: %s\n' $((SECONDS - start)) "$(tail -n 1 "$log" | cut -c 1-100)"
        fi
    done
    wait "$pid" || status=$?
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
