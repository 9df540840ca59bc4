# Starts and stops one ZooKeeper-protocol server in a directory of its own.
# Sourced by compat/apache and compat/gamekeeper, which set the array "launch"
# to the command that runs the server on "$dir/zoo.cfg" in the foreground.
#
#   start DIR PORT [zoo.cfg lines...]   write DIR/zoo.cfg and start
#   start DIR                           start again on the same port and data
#   stop DIR                            end it with SIGTERM
#   kill DIR                            end it with SIGKILL
#   restart DIR                         kill, then start
#   run DIR                             run on DIR/zoo.cfg in the foreground
#
# DIR holds zoo.cfg, data/, log (appended to at each start) and pid.

fail() { echo "$0: $*" >&2; exit 1; }

usage() { fail "usage: $0 start DIR [PORT [zoo.cfg lines...]] | stop DIR | kill DIR | restart DIR | run DIR"; }

# alive PID: whether any thread of the process is left. A killed process may
# show as a zombie (Z) while some of its threads (l) still hold its files.
alive() {
  local state
  state=$(ps -o stat= -p "$1" 2>/dev/null) && [[ $state != Z* || $state == *l* ]]
}

# serving PORT: whether a four-letter srvr is answered with the server's mode.
serving() {
  local answer
  { exec 9<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
  printf srvr >&9
  answer=$(timeout 2 cat <&9)
  exec 9>&-
  [[ $answer == *Mode:* ]]
}

write_config() {
  local port=$1
  shift
  mkdir -p "$dir/data"
  {
    echo "dataDir=$dir/data"
    echo "clientPort=$port"
    echo "clientPortAddress=127.0.0.1"
    (($# == 0)) || printf '%s\n' "$@"
  } >"$dir/zoo.cfg"
}

start() {
  local port pid deadline
  [[ -f $dir/zoo.cfg ]] || fail "$dir/zoo.cfg is missing: the first start needs a port"
  port=$(sed -n 's/^clientPort=//p' "$dir/zoo.cfg")
  if [[ -f $dir/pid ]] && alive "$(<"$dir/pid")"; then
    fail "a server already runs in $dir (pid $(<"$dir/pid"))"
  fi
  (cd "$dir" && exec setsid "${launch[@]}" "$dir/zoo.cfg" >>"$dir/log" 2>&1 </dev/null) &
  pid=$!
  echo "$pid" >"$dir/pid"
  deadline=$((SECONDS + 60))
  until serving "$port"; do
    alive "$pid" || { tail -n 40 "$dir/log" >&2; fail "the server in $dir ended while starting"; }
    ((SECONDS < deadline)) || fail "the server in $dir does not answer on port $port after 60 s"
    sleep 0.05
  done
}

# finish SIGNAL: end the server and wait until it has gone.
finish() {
  local pid deadline
  [[ -f $dir/pid ]] || return 0
  pid=$(<"$dir/pid")
  deadline=$((SECONDS + 30))
  kill "-$1" "$pid" 2>/dev/null
  while alive "$pid"; do
    ((SECONDS < deadline)) || fail "the server in $dir (pid $pid) did not end on $1 within 30 s"
    sleep 0.02
  done
  rm -f "$dir/pid"
}

control() {
  local verb=${1:-}
  [[ $# -ge 2 ]] || usage
  mkdir -p "$2" && dir=$(cd "$2" && pwd) || exit 1
  shift 2
  case $verb in
    start)
      (($# == 0)) || write_config "$@"
      start
      ;;
    stop) finish TERM ;;
    kill) finish KILL ;;
    restart)
      finish KILL
      start
      ;;
    run) cd "$dir" && exec "${launch[@]}" "$dir/zoo.cfg" ;;
    *) usage ;;
  esac
}
