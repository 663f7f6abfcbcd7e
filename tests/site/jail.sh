#!/bin/sh
# jail.sh BINARY SCRIPT [ARG ...]: runs SCRIPT inside a fresh machine: mount, network, host name and process namespaces of its own,
# an overlay over the real root kept in $JAIL (default target/demo), BINARY installed as `make install` does, users, a system
# log in /var/log/maillog, the DNS server and the addresses of the test zone. Root only; the machine itself is not touched.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
# Named absolutely: each stage starts this script anew, elsewhere.
absolute() { echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"; }
binary=$(absolute "$1") script=$(absolute "$2")
shift 2
set -- "$binary" "$script" "$@"
jail=${JAIL:-$here/target/demo}
export JAIL="$jail" HERE="$here"

# The overlay over the whole machine becomes the root.
lay_root() {
	mount -t proc proc /proc
	ip link set lo up
	# the site
	ip addr add 192.0.2.10/32 dev lo
	# a second network with the hosts of the world, 198.51.100.11 and .12, of the LAN, 192.168.2.5 and .3.7, and a stranger, 203.0.113.77
	unshare --net sleep 1000000 &
	world=$!
	until [ "$(readlink "/proc/$world/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
	ip link add site type veth peer name world netns "$world"
	ip addr add 198.51.100.1/24 dev site
	ip link set site up
	for address in 198.51.100.11/24 198.51.100.12/24; do nsenter --net="/proc/$world/ns/net" ip addr add "$address" dev world; done
	nsenter --net="/proc/$world/ns/net" sh -c 'ip link set lo up; ip link set world up; ip route add 192.0.2.10 via 198.51.100.1'
	for address in 192.168.2.5 192.168.3.7 203.0.113.77; do
		nsenter --net="/proc/$world/ns/net" ip addr add "$address/32" dev world
		ip route add "$address" via 198.51.100.11
	done
	world_pid=$world
	hostname hoge.foo.jp
	if ! mount -t overlay overlay -o "lowerdir=/,upperdir=$jail/upper,workdir=$jail/work" "$jail/root" 2>/dev/null; then
		mount -t tmpfs tmpfs "$jail"
		mkdir "$jail/upper" "$jail/work" "$jail/root"
		mount -t overlay overlay -o "lowerdir=/,upperdir=$jail/upper,workdir=$jail/work" "$jail/root"
	fi
	root=$jail/root
	mount -t tmpfs -o mode=755 tmpfs "$root/dev"
	for node in null zero full random urandom tty; do
		: >"$root/dev/$node"
		mount --bind "/dev/$node" "$root/dev/$node"
	done
	ln -s /proc/self/fd "$root/dev/fd"
	mount -t proc proc "$root/proc"
	mount -t tmpfs -o mode=755 tmpfs "$root/run"
	echo "$world_pid" >"$root/run/world"
	mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
	mkdir -p "$root$here"
	mount --rbind "$here" "$root$here"
	# wherever the program was built
	mkdir -p "$root$(dirname "$binary")"
	mount --bind "$(dirname "$binary")" "$root$(dirname "$binary")"
}

# What an administrator does on a fresh machine.
set_up() {
	mkdir -p /var/mail /var/log
	chmod 1777 /var/mail
	rm -rf /etc/mail /etc/aliases* /var/spool/mqueue /var/spool/clientmqueue /var/log/maillog /var/mail/alice /var/mail/bob
	(cd "$here" && sh etc/install.sh install "$binary" "" /usr)
	printf '%s\n' hoge.foo.jp www.foo.jp baz.bar.jp >/etc/mail/local-host-names
	printf '%s\tRELAY\n' 127.0.0.1 192.168.2 192.168.3 >/etc/mail/access
	/usr/sbin/makemap hash /etc/mail/access.db </etc/mail/access
	printf '127.0.0.1 localhost\n192.0.2.10 hoge.foo.jp hoge\n' >/etc/hosts
	printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' >/etc/resolv.conf
	printf 'hosts: files dns\npasswd: files\ngroup: files\n' >/etc/nsswitch.conf
	for user in alice bob; do id $user >/dev/null 2>&1 || useradd -m -s /bin/sh $user; done
	newaliases
	log_to /dev/log /var/log/maillog
	if command -v python3 >/dev/null; then
		python3 "$here/tests/oracle/fakedns.py" "$here/tests/oracle/worlds/seed/zone" 127.0.0.1 >/tmp/dns &
		until_true test -s /tmp/dns
	fi
	until_true test -S /dev/log
}

# Keeps what is sent to the system log ($1) in the file $2.
log_to() {
	perl -MIO::Handle -MIO::Socket::UNIX -MSocket -e '
		my ($path, $file) = @ARGV;
		unlink $path;
		my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path) or die "$path: $!\n";
		chmod 0666, $path;
		open my $log, ">>", $file or die "$file: $!\n";
		$log->autoflush(1);
		while (1) { defined $socket->recv(my $line, 65536) or next; $line =~ s/^<\d+>//; $line =~ s/[\0\n]+$//; print $log "$line\n" }
	' "$1" "$2" &
}

. "$here/tests/site/words.sh"

case ${JAIL_STAGE:-outside} in
outside)
	[ "$(id -u)" = 0 ] || { echo "jail.sh: needs root" >&2; exit 77; }
	if [ -e "$jail" ] && [ ! -d "$jail/upper" ]; then
		echo "jail.sh: $jail exists and is no jail of ours: choose another \$JAIL" >&2
		exit 1
	fi
	rm -rf "$jail"
	mkdir -p "$jail/upper" "$jail/work" "$jail/root"
	export JAIL_STAGE=inside
	exec unshare --mount --net --uts --pid --ipc --fork --kill-child --propagation private sh "$here/tests/site/jail.sh" "$@"
	;;
inside)
	lay_root
	export JAIL_STAGE=root
	exec chroot "$jail/root" sh "$here/tests/site/jail.sh" "$@"
	;;
root)
	cd /
	set_up
	shift 2
	. "$script"
	;;
esac
