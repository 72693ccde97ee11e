# What the scripts beside it begin with; to be sourced by bash. It goes to the root of the source and stops at errors.
#
# It gives: $work, a folder that goes away; keep ID, a process to be ended with the script; wait_until COMMAND…;
# start_dev_broker and start_mosquitto, which set $port and $broker_id; median FILE.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
kept=()
keep() { kept+=("$1"); }
# at_exit: what a script has to end besides; it may define its own.
at_exit() { :; }
cleanup() {
    local id
    at_exit
    for id in "${kept[@]:-}"; do kill "$id" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT

# need PROGRAM…: ends unless they are installed.
need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || { echo "$program is not installed" >&2; exit 1; }
    done
}

# wait_until COMMAND…: tries it until it succeeds, for 30 seconds at most.
wait_until() {
    local deadline=$((SECONDS + 30))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || { echo "this does not come true: $*" >&2; exit 1; }
        sleep 0.02
    done
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# start_dev_broker WORDS…: the dev broker of $mqt, on a port that it chooses and prints.
start_dev_broker() {
    local said=$work/broker.$RANDOM$RANDOM
    "$mqt" broker --port 0 --quiet "$@" >"$said" 2>&1 &
    broker_id=$!
    keep "$broker_id"
    wait_until grep -q '^mqtt://.*:[0-9]' "$said"
    port=$(sed -n 's|^mqtt://.*:\([0-9]*\)$|\1|p' "$said" | head -n 1)
}

# start_mosquitto SETTING…: a mosquitto; each word is a line of its settings. It cannot choose a port itself: one is taken
# on which nobody listens, below those of outgoing connections, and another one if somebody else was quicker.
start_mosquitto() {
    local settings
    for _ in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 10000))
        ! listens "$port" || continue
        settings=$work/mosquitto.$port
        printf '%s\n' "listener $port 127.0.0.1" "allow_anonymous true" "$@" >"$settings"
        mosquitto -c "$settings" >"$settings.log" 2>&1 &
        broker_id=$!
        keep "$broker_id"
        wait_until ended_or_listens "$broker_id" "$port"
        ! kill -0 "$broker_id" 2>/dev/null || return 0
    done
    echo "mosquitto does not start" >&2
    cat "$settings.log" >&2
    exit 1
}
ended_or_listens() { ! kill -0 "$1" 2>/dev/null || listens "$2"; }

median() { sort -g "$1" | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
