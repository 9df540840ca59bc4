# What the scripts of figures share; they read it with source, at the root of the repository.
binary=${GAMEKEEPER:-bin/gamekeeper}
port=${PORT:-22283}
mkdir -p "${FIGURES_DIR:-bin}"
dir=$(mktemp -d "${FIGURES_DIR:-bin}/figures.XXXXXX")
pid=
cleanup() {
  if [[ -n $pid ]]; then
    kill -9 "$pid" && wait "$pid"
  fi 2>/dev/null || true
  rm -rf "$dir"
}
trap cleanup EXIT

# start begins a server with more settings, key=value, and waits until it accepts connections.
start() {
  local set=() kv
  for kv in "$@" ${SET:-}; do set+=(--set "$kv"); done
  "$binary" server --set clientPort="$port" --set dataDir="$dir/data" --set maxClientCnxns=0 "${set[@]}" 2>>"$dir/log" &
  pid=$!
  until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    kill -0 "$pid" || { tail -n 3 "$dir/log" >&2; exit 1; }
    sleep 0.01
  done
}
stop() {
  kill -TERM "$pid"
  wait "$pid"
  pid=
}
load() { "$binary" bench --quiet --servers "127.0.0.1:$port" --patience 5m --size 100 "$@"; }

# grow makes the keys that the loads with --reuse work on.
grow() { load --workload set --keys "$1" --requests 1 --warmup 0s --keep >/dev/null; }

# more sets keys until another so many rounds have ended; the server should begin one for few transactions.
more() {
  local until=$(($(rounds) + $1))
  while (($(rounds) < until)); do
    load --reuse --workload set --keys 100 --requests 1000 --warmup 0s >/dev/null
    sleep 0.5
  done
}
rounds() { grep -c 'msg=snapshot ' "$dir/log" || true; }
said() { grep "$1" "$dir/log" | tail -n 1 | sed 's/.*msg=//'; }

resident() { awk '/VmRSS/ { rss = $2 } /VmHWM/ { top = $2 }
  END { printf "%.2f GiB resident, %.2f at the most\n", rss / 1048576, top / 1048576 }' "/proc/$pid/status"; }
cpu() { awk '{ printf "%.2f s of processor time, %.2f of it in the system\n", ($14 + $15) / 100, $15 / 100 }' "/proc/$pid/stat"; }
written() { awk '/^write_bytes/ { print $2 }' "/proc/$pid/io"; }
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.2f s\n", b - a }'; }

# field returns the value of a key in a line of the server's log.
field() { [[ $2 =~ (^|' ')$1=([^ ]*) ]] && echo "${BASH_REMATCH[2]}"; }

# milliseconds turns a duration such as 1m2.5s, 3.95s or 176ms into a number.
milliseconds() {
  awk -v t="$1" 'BEGIN {
    if (t ~ /ms$/) { print int(t); exit }
    if (match(t, /^[0-9]+m/)) { sum = 60000 * substr(t, 1, RLENGTH - 1); t = substr(t, RLENGTH + 1) }
    print int(sum + 1000 * t) }'
}

# restart stops the server, and says how long it takes to serve again, with more settings.
restart() {
  stop
  local begun
  begun=$(now)
  start "$@"
  load --reuse --workload mixed --reads 50 --keys 100 --requests 10 --warmup 0s --connections 1 --outstanding 1 >/dev/null
  echo "took $(since "$begun"), $(cpu)"
  said recovered
  resident
}
