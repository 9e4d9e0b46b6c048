# shellcheck shell=bash
# Where things are: folders, addresses and ports.

RUN_DIR=${DEV_RUN_DIR:-$ROOT/.run}
mkdir -p "$RUN_DIR"
RUN_DIR=$(cd "$RUN_DIR" && pwd -P)
PRODUCTS=(edge-http edge-ws bridge-kafka demo-payments)

# setting NAME DEFAULT - the variable of the environment, else the line of the file .env, else the default.
setting() {
    local line
    if [[ -n ${!1:-} ]]; then
        printf '%s\n' "${!1}"
        return
    fi
    line=$(grep -E "^[[:space:]]*(export[[:space:]]+)?$1[[:space:]]*=" "$ROOT/.env" 2>/dev/null | tail -n 1) || true
    line=$(sed -E 's/^[^=]*=[[:space:]]*//; s/^"([^"]*)".*/\1/; t; s/^'\''([^'\'']*)'\''.*/\1/; t; s/(^|[[:space:]])#.*//; s/[[:space:]]+$//' <<<"$line")
    printf '%s\n' "${line:-$2}"
}

port_answers() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

is_local() { [[ $1 == 127.* || $1 == localhost || $1 == ::1 ]]; }

# Reads every address, and decides which servers are ours: a named one is used where it answers, one on this machine that does not answer
# is started at its address (so that a copied .env-example works), and without a name there is an own one.
read_environment() {
    HOST=$(setting APP_HOST 127.0.0.1)
    NODE_ENV=$(setting NODE_ENV local)
    PORT=$(setting APP_PORT 4040)
    if [[ ! $PORT =~ ^[1-9][0-9]{0,4}$ ]] || ((PORT > 65400)); then fail "APP_PORT: '$PORT' is no port up to 65400"; fi
    # A server on every address is reached from here by the loopback one.
    NEAR=$HOST
    if [[ $HOST == 0.0.0.0 || $HOST == '::' ]]; then NEAR=127.0.0.1; fi
    HTTP_PORT=$((PORT + 1)) WS_PORT_1=$((PORT + 2)) WS_PORT_2=$((PORT + 3))
    BRIDGE_ADMIN=$((PORT + 100)) HTTP_ADMIN=$((PORT + 101)) WS_ADMIN_1=$((PORT + 102)) WS_ADMIN_2=$((PORT + 103))

    KAFKA=$(setting KAFKA_BROKER '') OWN_KAFKA=no
    if [[ -z $KAFKA ]]; then KAFKA=127.0.0.1:$((PORT + 52)) OWN_KAFKA=yes; fi
    KAFKA_NAME=${KAFKA%%,*} KAFKA_PORT=${KAFKA_NAME##*:} KAFKA_NAME=${KAFKA_NAME%:*}
    if [[ $OWN_KAFKA == no ]] && ! port_answers "$KAFKA_NAME" "$KAFKA_PORT"; then
        is_local "$KAFKA_NAME" || fail "KAFKA_BROKER: no answer from $KAFKA"
        OWN_KAFKA=yes
    fi

    REDIS_NAME=$(setting REDIS_HOST '') OWN_REDIS=no
    if [[ -z $REDIS_NAME ]]; then
        REDIS_NAME=127.0.0.1 REDIS=$((PORT + 50)) OWN_REDIS=yes
    else
        REDIS=$(setting REDIS_PORT 6379)
    fi
    if [[ $OWN_REDIS == no ]] && ! port_answers "$REDIS_NAME" "$REDIS"; then
        is_local "$REDIS_NAME" || fail "REDIS_HOST: no answer from $REDIS_NAME:$REDIS"
        OWN_REDIS=yes
    fi

    COLLECTOR=$(setting OTEL_EXPORTER_OTLP_ENDPOINT '') OWN_COLLECTOR=no COLLECTOR_PORT=$((PORT + 54))
    if [[ -z $COLLECTOR ]]; then COLLECTOR=http://127.0.0.1:$COLLECTOR_PORT OWN_COLLECTOR=yes; fi
}

# A Unix socket's path has at most 107 bytes, which a deep checkout can exceed.
bridge_socket() {
    local path=$RUN_DIR/bridge/bridge.sock
    if ((${#path} > 100)); then path=${TMPDIR:-/tmp}/vy-gateway-$EUID-$(cksum <<<"$RUN_DIR" | cut -d ' ' -f 1)/bridge.sock; fi
    printf '%s\n' "$path"
}
