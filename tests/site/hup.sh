# HUP under load loses no session and no message; a broken configuration leaves the old one serving. Read by jail.sh.
start_daemon() { /usr/sbin/sendmail -L sm-mta -bd -q15m; }
start_daemon
until_true test -s /var/run/sendmail.pid
keeper=$(head -n 1 /var/run/sendmail.pid)
send() { client 192.168.2.5 25 a@lan.foo.jp alice@hoge.foo.jp "$1" >/dev/null; }
until_true send first

say "a second start is refused with the pid of the first"
start_daemon 2>/tmp/second && fail "a second daemon started"
cat /tmp/second
grep -q "$keeper" /tmp/second || fail "the refusal does not name pid $keeper"

say "HUP under load keeps the pid and every message"
for number in 1 2 3 4 5 6 7 8 9 10; do
	send "number $number" || fail "message $number was refused"
	[ $((number % 3)) != 0 ] || kill -HUP "$keeper"
done
[ "$(head -n 1 /var/run/sendmail.pid)" = "$keeper" ] || fail "the pid has changed"
for number in 1 2 3 4 5 6 7 8 9 10; do until_true grep -q "Subject: number $number\$" /var/mail/alice; done

say "a broken configuration at HUP leaves the old one serving"
cp /etc/mail/sendmail.cf /tmp/good.cf
echo "what is this" >>/etc/mail/sendmail.cf
kill -HUP "$keeper"
until_true grep -q 'unknown configuration line' /var/log/maillog
send "after a broken HUP" || fail "the old configuration no longer serves"
cp /tmp/good.cf /etc/mail/sendmail.cf

say "HUP takes the port of one address instead of all of them, and back"
inside() { perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new("127.0.0.1:25")'; }
sed 's/^O DaemonPortOptions=Name=MTA$/&, Addr=192.0.2.10/' /tmp/good.cf >/etc/mail/sendmail.cf
kill -HUP "$keeper"
one_address() { ss -ltn | grep -q "192\.0\.2\.10:25 "; }
outside_only() { ! inside && send "to one address"; }
until_true outside_only
# A session of the old configuration goes on, but its port is the new one's.
mkfifo /tmp/end
perl -MIO::Socket::INET -e '
	my $s = IO::Socket::INET->new("192.0.2.10:25") or die; print scalar <$s>; close STDOUT;
	open my $end, "<", "/tmp/end"; print $s "QUIT\r\n"; print STDERR scalar <$s>;
' >/tmp/greeting 2>/tmp/farewell &
until_true test -s /tmp/greeting
one_address || fail "there is no port of one address"
cp /tmp/good.cf /etc/mail/sendmail.cf
kill -HUP "$keeper"
until_true inside
closed() { ! one_address; }
until_true closed
send "to all addresses" || fail "all addresses are not served again"
echo end >/tmp/end
until_true grep -q '^221 ' /tmp/farewell

say "a HUP that overtakes another, whose ports nobody serves yet"
for number in 1 2 3 4 5; do
	sed 's/^O DaemonPortOptions=Name=MTA$/&, Addr=192.0.2.10/' /tmp/good.cf >/etc/mail/sendmail.cf
	kill -HUP "$keeper"
	until_true one_address
	cp /tmp/good.cf /etc/mail/sendmail.cf
	kill -HUP "$keeper"
	until_true closed
	until_true inside
done
send "after overtaking" || fail "all addresses are not served again"

say "a killed keeper frees the ports, and a new start succeeds"
kill -9 "$keeper"
until_true start_daemon
until_true send "after a kill"

say "TERM ends everything and removes the pid file"
kill -TERM "$(head -n 1 /var/run/sendmail.pid)"
until_true test ! -e /var/run/sendmail.pid

say "without its queue directory the daemon does not start; the command that it names mends that"
rm -rf /var/spool/mqueue
start_daemon 2>/tmp/refusal && fail "it started without a queue directory"
cat /tmp/refusal
sh -c "$(sed -n 's/.*: run `\(.*\)`$/\1/p' /tmp/refusal)"
[ "$(stat -c '%U %a' /var/spool/mqueue)" = "root 700" ] || fail "the command made something else"

say "HUP under load, and TERM with many sessions open"
if command -v python3 >/dev/null; then
	PYTHONDONTWRITEBYTECODE=1 python3 "$HERE/tests/site/hup.py" "${1:-6}"
else
	skip "needs python3"
fi

say "HUP to the client queue's daemon keeps its pid; a broken configuration leaves the old one in force"
/usr/sbin/sendmail -L sm-msp-queue -Ac -q15m
until_true test -s /var/spool/clientmqueue/sm-client.pid
runner=$(head -n 1 /var/spool/clientmqueue/sm-client.pid)
kill -HUP "$runner"
twice() { [ "$(grep -c 'sm-msp-queue.*starting daemon' /var/log/maillog)" = 2 ]; }
until_true twice
until_true grep -qx "$runner" /var/spool/clientmqueue/sm-client.pid
cp /etc/mail/submit.cf /tmp/good.cf
echo "what is this" >>/etc/mail/submit.cf
kill -HUP "$runner"
until_true grep -q 'sm-msp-queue.*the configuration does not load; going on as before' /var/log/maillog
cp /tmp/good.cf /etc/mail/submit.cf
kill "$runner" || fail "it is gone"
until_true test ! -e /var/spool/clientmqueue/sm-client.pid
