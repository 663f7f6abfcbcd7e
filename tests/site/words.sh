# Words that the site scripts share; read by jail.sh.

say() { printf '\n== %s\n' "$*"; }
skip() { echo "skipped: $*"; }
fail() { echo "FAIL: $*" >&2; exit 1; }

# Waits until a command succeeds: two minutes at most, so that a machine that is slow fails nothing.
until_true() {
	tenths=1200
	while ! "$@" >/dev/null 2>&1; do
		tenths=$((tenths - 1))
		[ "$tenths" -gt 0 ] || fail "gave up waiting for: $*"
		sleep 0.1
	done
}

# Runs a command on the hosts of the world, the LAN and the strangers; files and processes are those of the site.
elsewhere() { nsenter --net="/proc/$(cat /run/world)/ns/net" "$@"; }

# Starts the SMTP server of the remote hosts; what it gets is kept in /var/spool/capture.
remote_hosts() {
	mkdir -p /var/spool/capture
	chmod 1777 /var/spool/capture
	elsewhere python3 "$HERE/tests/oracle/smtpsink.py" >/tmp/sink 2>&1 &
	until_true test -s /tmp/sink
}

# Speaks SMTP: $1 own address, $2 port, $3 sender, $4 recipient, $5 subject; fails when a command is refused.
client() {
	elsewhere perl -MIO::Socket::INET -e '
		my ($own, $port, $from, $to, $subject) = @ARGV;
		my $s = IO::Socket::INET->new(PeerAddr => "192.0.2.10", PeerPort => $port, LocalAddr => $own, Timeout => 10)
			or die "connect to port $port: $@\n";
		sub reply { my $l; do { $l = <$s>; defined $l or die "closed\n"; print "    S: $l" } while $l =~ /^...-/; $l =~ /^[23]/ or exit 1 }
		sub cmd { print "    C: $_[0]\n"; print $s "$_[0]\r\n"; reply() }
		reply(); cmd("EHLO client.example.net"); cmd("MAIL FROM:<$from>"); cmd("RCPT TO:<$to>"); cmd("DATA");
		print $s "From: <$from>\r\nTo: <$to>\r\nSubject: $subject\r\n\r\nFrom a client at $own.\r\n.\r\n";
		reply(); cmd("QUIT");
	' "$@"
}
