#!/bin/sh
# Starts and stops both daemons: the one of the network (ports 25 and 587) and the one of the client queue.
#
#	/usr/local/etc/rc.d/sendmail.sh start|stop

sendmail=${SENDMAIL:-/usr/sbin/sendmail}
network_pid=/var/run/sendmail.pid
client_pid=/var/spool/clientmqueue/sm-client.pid

# Ends the process whose number is the first line of the file $1.
end() {
	[ -r "$1" ] || { echo "$0: $1: no such file; is the daemon running?" >&2; return 1; }
	kill "$(head -n 1 "$1")"
}

case "$1" in
start)
	status=0
	"$sendmail" -L sm-mta -bd -q15m || status=$?
	"$sendmail" -L sm-msp-queue -Ac -q15m || status=$?
	[ "$status" = 0 ] && printf ' sendmail'
	exit "$status"
	;;
stop)
	end "$client_pid"
	end "$network_pid" && printf ' sendmail'
	;;
*)
	echo "Usage: $(basename "$0") {start|stop}" >&2
	exit 64
	;;
esac
