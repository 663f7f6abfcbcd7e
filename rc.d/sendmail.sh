#!/bin/sh
# Starts and stops both daemons: the one of the network (ports 25 and 587) and the one of the client queue.
#
#	/usr/local/etc/rc.d/sendmail.sh start|stop|restart|status

sendmail=${SENDMAIL:-/usr/sbin/sendmail}
network_pid=/var/run/sendmail.pid
client_pid=/var/spool/clientmqueue/sm-client.pid

# Prints the number in the first line of the pid file $1, if a sendmail has it: a file that was left behind says nothing.
running() {
	[ -r "$1" ] && read -r pid <"$1" || return 1
	case $pid in '' | *[!0-9]*) return 1 ;; esac
	case $(ps -p "$pid" -o args= 2>/dev/null) in *sendmail*) echo "$pid" ;; *) return 1 ;; esac
}

# Ends the daemon of the pid file $1 and waits until it has ended, 30 seconds at most.
end() {
	pid=$(running "$1") || { echo "$0: $1: no daemon is running" >&2; return 1; }
	kill "$pid" || return 1
	seconds=30
	while [ "$(running "$1")" = "$pid" ]; do
		[ "$seconds" -gt 0 ] || { echo "$0: pid $pid does not end" >&2; return 1; }
		seconds=$((seconds - 1))
		sleep 1
	done
}

start() {
	status=0
	"$sendmail" -L sm-mta -bd -q15m || status=$?
	"$sendmail" -L sm-msp-queue -Ac -q15m || status=$?
	[ "$status" = 0 ] && printf ' sendmail'
	return "$status"
}

stop() {
	status=0
	end "$client_pid" || status=1
	end "$network_pid" || status=1
	[ "$status" = 0 ] && printf ' sendmail'
	return "$status"
}

# Tells whether the configurations of both daemons can be used.
check() { "$sendmail" -bC && "$sendmail" -Ac -bC; }

# Starts both anew; those that run go on when no others could take their place.
restart() {
	if ! problems=$(check 2>&1); then
		printf '%s\n' "$problems" "$0: nothing was stopped: mend the configuration first" >&2
		return 1
	fi
	stop && echo
	start
}

# Tells which of the two run; 1 if one does not.
tell() {
	status=0
	for file in "$network_pid" "$client_pid"; do
		if pid=$(running "$file"); then
			echo "$file: pid $pid is running"
		else
			echo "$file: no daemon is running"
			status=1
		fi
	done
	return "$status"
}

case "$1" in
start) start ;;
stop) stop ;;
restart) restart ;;
status) tell ;;
*)
	echo "Usage: $(basename "$0") {start|stop|restart|status}" >&2
	exit 64
	;;
esac
