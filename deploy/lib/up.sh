# shellcheck shell=bash
# `up`, `down`, `status` and `logs`.

# Prints the pid of a running `up`, when there is one.
running_up() {
    local pid
    pid=$(cat "$RUN_DIR/dev.pid" 2>/dev/null) || return 1
    [[ -n $pid ]] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q 'deploy/dev' && echo "$pid"
}

# All ports that will be listened on, with the process's name.
wanted_ports() {
    local name
    for name in "${PROCESSES[@]}"; do
        printf '%s %s\n%s %s\n' "$(port_of "$name")" "$name" "$(admin_of "$name")" "$name admin"
    done | grep -v '^-'
}

check_ports() {
    local port name taken=0
    while read -r port name; do
        if port_answers "$NEAR" "$port" || port_answers 127.0.0.1 "$port"; then
            complain "port $port ($name) is taken: $(ss -Hltnp "sport = :$port" 2>/dev/null | grep -oE 'users:.*' || echo 'by another process')"
            taken=1
        fi
    done < <(wanted_ports)
    if ((taken)); then fail 'nothing was started; stop what holds the ports, or choose others with APP_PORT'; fi
}

prepare_run_dir() {
    rm -rf "$RUN_DIR"/{logs,pids,redis,broker,nginx}
    mkdir -p "$RUN_DIR"/{logs,pids,redis,broker}
    SOCKET=$(bridge_socket)
    mkdir -p "$(dirname "$SOCKET")"
    chmod 0750 "$(dirname "$SOCKET")"
    write_nginx_configuration
    open_pause
}

start_everything() {
    local name
    for name in "${PROCESSES[@]}"; do
        case $name in
            edge-* | nginx) ;;
            # The bridge is the last that others wait for: the edges start together.
            *)
                start_process "$name"
                wait_ready "$name" 60 || return 1
                continue
                ;;
        esac
        start_process "$name"
    done
    for name in "${PROCESSES[@]}"; do wait_ready "$name" 60 || return 1; done
}

greet() {
    local url=http://$NEAR:$PORT
    cat <<TEXT

${BOLD}vy-gateway is ready.${PLAIN}
  API        $url/vy-finance-payments/payment-intents
  Socket.IO  $url/socket.io/  namespace /finance-payments, e.g. io('$url/finance-payments', { query: { userId: '123' } })
  console    http://$NEAR:$HTTP_ADMIN/console  who is ready, requests, sockets, Kafka, the last errors
  admin      bridge http://$NEAR:$BRIDGE_ADMIN/readyz  edge-http :$HTTP_ADMIN  edge-ws-1 :$WS_ADMIN_1  edge-ws-2 :$WS_ADMIN_2
  Kafka      $KAFKA$([[ $OWN_KAFKA == yes ]] || echo ' (not ours)')   Redis  $REDIS_NAME:$REDIS$([[ $OWN_REDIS == yes ]] || echo ' (not ours)')
  traces     $COLLECTOR$([[ $OWN_COLLECTOR == yes ]] && echo '/  the newest; /requests/ID one by its x-request-id' || echo ' (not ours)')
  logs       $RUN_DIR/logs
TEXT
    if [[ $NODE_ENV == local ]]; then say "  page       $url/  makes a payment and shows its updates live"; fi
    cat <<TEXT

Try it (the answer is 201 with the created intent):

  curl -i $url/vy-finance-payments/payment-intents -H 'content-type: application/json' -d '{"amount":1999,"currency":"usd","userId":"123"}'

Ctrl-C stops everything. A process that dies (try kill -9) is started again.

TEXT
}

dev_up() {
    local pid
    if pid=$(running_up); then fail "already up (pid $pid); ./deploy/dev down stops it"; fi
    stop_leftovers
    ensure_everything || exit
    read_environment
    list_processes
    check_ports
    build_release "${PRODUCTS[@]}" || exit
    BROKER_PROGRAM=$(noida_db)
    prepare_run_dir
    printf '%s\n' $$ >"$RUN_DIR/dev.pid"
    trap stop_all EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
    trap 'exit 141' PIPE
    say 'Starting ...'
    start_everything || exit 1
    greet
    setsid setpriv --pdeathsig TERM -- "$VENV/bin/python" "$ROOT/deploy/lib/follow.py" "$RUN_DIR/logs" &
    FOLLOWER=$!
    while [[ $STOPPING == no ]]; do
        tend
        pause
    done
}

# Stops children of an `up` that could not stop them itself.
stop_leftovers() {
    local file pid
    for file in "$RUN_DIR"/pids/*; do
        [[ -f $file ]] || continue
        pid=$(<"$file")
        # The number may belong to another process by now; ours name the run folder, a program of ours, or its port.
        if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qE "$RUN_DIR|/(edge-http|edge-ws|bridge-kafka|demo-payments) |redis-server|deploy/lib/collector.py"; then
            stop_process "$pid"
            say "stopped ${file##*/} (pid $pid)"
        fi
        rm -f "$file"
    done
}

dev_down() {
    local pid tries
    if pid=$(running_up); then
        kill -TERM "$pid"
        for ((tries = 0; tries < 600; tries++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        say "stopped (pid $pid)"
    else
        say 'not up'
    fi
    stop_leftovers
}

dev_status() {
    local name pid state up=no
    if running_up >/dev/null; then up=yes; fi
    # What an `up` started with own servers, it says by their pid files.
    read_environment
    if [[ -f $RUN_DIR/pids/redis ]]; then OWN_REDIS=yes; fi
    if [[ -f $RUN_DIR/pids/broker ]]; then OWN_KAFKA=yes; fi
    list_processes
    printf '%-10s %8s %6s %6s  %s\n' PROCESS PID PORT ADMIN STATE
    for name in "${PROCESSES[@]}"; do
        pid=$(cat "$RUN_DIR/pids/$name" 2>/dev/null) || pid=-
        state=down
        if [[ $pid != - ]] && kill -0 "$pid" 2>/dev/null; then
            if is_ready "$name"; then state=ready; else state=$(lacks "$name"); fi
        fi
        printf '%-10s %8s %6s %6s  %s\n' "$name" "$pid" "$(port_of "$name")" "$(admin_of "$name")" "$state"
    done
    [[ $up == yes ]]
}

dev_logs() {
    [[ -d $RUN_DIR/logs ]] || fail 'no logs: nothing was started yet'
    local python=$VENV/bin/python
    [[ -x $python ]] || python=python3
    exec "$python" "$ROOT/deploy/lib/follow.py" "$RUN_DIR/logs" "$@"
}
