# shellcheck shell=bash
# The processes of the development setup, in the order in which they start: how each is run, and when it is ready.

# Sets PROCESSES. A server that somebody else runs is not in it.
list_processes() {
    PROCESSES=()
    if [[ $OWN_REDIS == yes ]]; then PROCESSES+=(redis); fi
    if [[ $OWN_KAFKA == yes ]]; then PROCESSES+=(broker); fi
    if [[ $OWN_COLLECTOR == yes ]]; then PROCESSES+=(collector); fi
    PROCESSES+=(demo bridge edge-http edge-ws-1 edge-ws-2 nginx)
}

# Prints the port of a process that others use.
port_of() {
    case $1 in
        redis) echo "$REDIS" ;;
        broker) echo "$KAFKA_PORT" ;;
        collector) echo "$COLLECTOR_PORT" ;;
        edge-http) echo "$HTTP_PORT" ;;
        edge-ws-1) echo "$WS_PORT_1" ;;
        edge-ws-2) echo "$WS_PORT_2" ;;
        nginx) echo "$PORT" ;;
        *) echo - ;;
    esac
}

# Prints the port of a process's admin server.
admin_of() {
    case $1 in
        bridge) echo "$BRIDGE_ADMIN" ;;
        edge-http) echo "$HTTP_ADMIN" ;;
        edge-ws-1) echo "$WS_ADMIN_1" ;;
        edge-ws-2) echo "$WS_ADMIN_2" ;;
        *) echo - ;;
    esac
}

# Sets COMMAND to the words that run a process. The processes read .env themselves; what is set here wins over it.
command_of() {
    local -a common=(env "NODE_ENV=$NODE_ENV" "KAFKA_BROKER=$KAFKA" "REDIS_HOST=$REDIS_NAME" "REDIS_PORT=$REDIS"
        "BRIDGE_SOCKET=$SOCKET" "ADMIN_HOST=$NEAR" "OTEL_EXPORTER_OTLP_ENDPOINT=$COLLECTOR" "OTEL_BSP_SCHEDULE_DELAY=500")
    # Ours asks for no password, whatever the one does that the environment or .env is about.
    if [[ ${OWN_REDIS:-no} == yes ]]; then
        common+=(REDIS_USERNAME= REDIS_PASSWORD= REDIS_PASSWORD_FILE= REDIS_TLS= REDIS_TLS_CA= REDIS_TLS_CERT= REDIS_TLS_KEY=)
    fi
    local -a ws=("WS_HOST=$HOST")
    case $1 in
        redis) COMMAND=(redis-server --bind 127.0.0.1 --port "$REDIS" --dir "$RUN_DIR/redis" --save '' --appendonly yes) ;;
        broker)
            COMMAND=("$BROKER_PROGRAM" start --only kafka --host 127.0.0.1 --kafka-port "$KAFKA_PORT" --data-dir "$RUN_DIR/broker")
            ;;
        collector) COMMAND=("$VENV/bin/python" "$ROOT/deploy/lib/collector.py" --port "$COLLECTOR_PORT") ;;
        demo) COMMAND=("${common[@]}" "$BIN/demo-payments") ;;
        bridge) COMMAND=("${common[@]}" "INSTANCE=bridge-1" "BRIDGE_ADMIN_PORT=$BRIDGE_ADMIN" "$BIN/bridge-kafka") ;;
        edge-http)
            COMMAND=("${common[@]}" "INSTANCE=edge-http-1" "APP_HOST=$HOST" "APP_PORT=$HTTP_PORT" "HTTP_ADMIN_PORT=$HTTP_ADMIN"
                "CONSOLE_PEERS=http://$NEAR:$BRIDGE_ADMIN,http://$NEAR:$WS_ADMIN_1,http://$NEAR:$WS_ADMIN_2" "$BIN/edge-http")
            ;;
        edge-ws-1) COMMAND=("${common[@]}" "${ws[@]}" "INSTANCE=edge-ws-1" "WS_PORT=$WS_PORT_1" "WS_ADMIN_PORT=$WS_ADMIN_1" "$BIN/edge-ws") ;;
        edge-ws-2) COMMAND=("${common[@]}" "${ws[@]}" "INSTANCE=edge-ws-2" "WS_PORT=$WS_PORT_2" "WS_ADMIN_PORT=$WS_ADMIN_2" "$BIN/edge-ws") ;;
        nginx)
            COMMAND=(nginx -p "$RUN_DIR/nginx" -c "$RUN_DIR/nginx/nginx.conf")
            # Its workers would otherwise become another user, who may not enter this folder.
            if ((EUID == 0)); then COMMAND+=(-g 'user root;'); fi
            ;;
    esac
}

# Succeeds when a process can do its work.
is_ready() {
    case $1 in
        redis) [[ $(redis-cli -h "$REDIS_NAME" -p "$REDIS" ping 2>/dev/null) == PONG ]] ;;
        broker) kcat -b "$KAFKA" -L -m 2 >/dev/null 2>&1 ;;
        demo) grep -q "$DEMO_READY" "$RUN_DIR/logs/demo.log" ;;
        collector) port_answers 127.0.0.1 "$COLLECTOR_PORT" ;;
        nginx) port_answers "$NEAR" "$PORT" ;;
        *) curl -fsS -m 2 -o /dev/null "http://$NEAR:$(admin_of "$1")/readyz" 2>/dev/null ;;
    esac
}

# Prints what a process that is not ready says it lacks.
lacks() {
    local admin
    admin=$(admin_of "$1")
    if [[ $admin == - ]]; then
        echo 'not ready'
    else
        curl -sS -m 2 "http://$NEAR:$admin/readyz" 2>&1 || true
    fi
}

# Two words of demo-payments' log line that says that it consumes its topics.
DEMO_READY='"message":"ready"'

# Writes nginx's configuration into the run folder.
write_nginx_configuration() {
    mkdir -p "$RUN_DIR/nginx"
    local limits='max_fails=1 fail_timeout=1s'
    sed -e "s|@RUN@|$RUN_DIR/nginx|g" -e "s|@ROOT@|$ROOT|" -e "s|@HOST@|$HOST|" -e "s|@PORT@|$PORT|" -e 's|@ACCESS_LOG@|/dev/stdout|' \
        -e "s|@EDGE_HTTP_SERVERS@|server $NEAR:$HTTP_PORT;|" \
        -e "s|@EDGE_WS_SERVERS@|server $NEAR:$WS_PORT_1 $limits; server $NEAR:$WS_PORT_2 $limits;|" \
        "$ROOT/deploy/nginx.conf.template" >"$RUN_DIR/nginx/nginx.conf"
}
