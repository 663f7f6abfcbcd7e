# The site's policy and the client queue. Read by jail.sh.
send() { client "$@" >/tmp/dialogue 2>&1; }
say "a stopped daemon leaves submissions in the client queue"
printf 'Subject: while stopped\n\nhello\n' | su alice -c '/usr/sbin/sendmail -oi bob@www.foo.jp' || fail "exit $? although the client queue takes the message"
mailq -Ac | grep -q 'Total requests: 1' || { mailq -Ac; fail "not in the client queue"; }
sh "$HERE/rc.d/sendmail.sh" start
until_true test -s /var/run/sendmail.pid
say "and they arrive after it starts"
/usr/sbin/sendmail -L sm-msp-queue -Ac -q
until_true grep -q 'while stopped' /var/mail/bob

say "each local domain leads to the mailbox"
for domain in hoge.foo.jp www.foo.jp baz.bar.jp; do
	send 203.0.113.77 25 x@example.net "bob@$domain" "for $domain" || { cat /tmp/dialogue; fail "mail to $domain refused"; }
	until_true grep -q "for $domain" /var/mail/bob
done
say "aliases, lists, programs and .forward files are followed"
cat >>/etc/mail/aliases <<'A'
team: alice, bob
keeper: "|cat >>/tmp/kept"
onward: team
A
newaliases
rm -f /tmp/kept
echo '\\alice, bob' >/home/alice/.forward
chown alice /home/alice/.forward
send 203.0.113.77 25 x@example.net onward@hoge.foo.jp "for the team" || { cat /tmp/dialogue; fail "an alias was refused"; }
send 203.0.113.77 25 x@example.net keeper@hoge.foo.jp "for the program" || { cat /tmp/dialogue; fail "an alias was refused"; }
until_true grep -q "for the team" /var/mail/alice
until_true grep -q "for the team" /var/mail/bob
until_true grep -q "for the program" /tmp/kept

say "a stranger is refused with the original's words"
send 203.0.113.77 25 x@example.net y@example.com no && fail "relayed for a stranger"
grep -q '550 5.7.1 <y@example.com>... Relaying denied' /tmp/dialogue || { cat /tmp/dialogue; fail "other words"; }
send 203.0.113.77 25 x@example.net 'a!b' no && fail "a bang path was taken"
send 203.0.113.77 25 x@example.net nobody-here@hoge.foo.jp no && fail "an unknown user was taken"
grep -q '550 5.1.1 <nobody-here@hoge.foo.jp>... User unknown' /tmp/dialogue || { cat /tmp/dialogue; fail "other words"; }

say "a damaged access map puts everybody off, and nobody is refused for good"
lay() { cat >/etc/mail/access.db.new && mv /etc/mail/access.db.new /etc/mail/access.db; }
cp /etc/mail/access.db /tmp/whole
head -c 6000 /tmp/whole | lay
send 203.0.113.77 25 x@example.net bob@hoge.foo.jp no && fail "taken although the access map is damaged"
grep -q ' 5[0-9][0-9][ -]' /tmp/dialogue && { cat /tmp/dialogue; fail "refused for good"; }
grep -q ' 4[25]1 4.3.0' /tmp/dialogue || { cat /tmp/dialogue; fail "other words"; }
lay </tmp/whole

say "a failure that nobody can be told of ends, and is kept for a person"
sed -i 's#^postmaster:.*#postmaster: /nonexistent/mail#; $agone: /nonexistent/gone' /etc/mail/aliases
newaliases
send 203.0.113.77 25 '' gone@hoge.foo.jp "to nowhere" || { cat /tmp/dialogue; fail "an alias was refused"; }
until_true sh -c 'ls /var/spool/mqueue/Qf*'
[ "$(grep -c 'postmaster notify\|return to sender' /var/log/maillog)" = 1 ] || { tail -n 5 /var/log/maillog; fail "not told once"; }
rm /var/spool/mqueue/*
sed -i 's#^postmaster:.*#postmaster: root#' /etc/mail/aliases
newaliases

say "nobody who reads the network is root"
for pid in $(pgrep -x sendmail); do
	[ -n "$(ls -l "/proc/$pid/fd" 2>/dev/null | grep -c 'socket:')" ] || continue
	ss -tlnp 2>/dev/null | grep -q "pid=$pid," || continue
	grep -q '^Uid:.*[^0-9]0[^0-9]' "/proc/$pid/status" && [ "$pid" != "$(head -n 1 /var/run/sendmail.pid)" ] && fail "pid $pid listens as root"
done
say "owners and modes are the original's"
is() { [ "$(stat -c '%U:%G %a' "$1")" = "$2" ] || fail "$1 is $(stat -c '%U:%G %a' "$1"), not $2"; }
is /var/spool/mqueue "root:root 700"
is /var/spool/clientmqueue "smmsp:smmsp 770"
is /usr/sbin/sendmail "root:smmsp 2555"

say "rc.d/sendmail.sh refuses a second start, restarts, and is not misled by a file that was left behind"
service() { sh "$HERE/rc.d/sendmail.sh" "$@"; }
service status || fail "status of running daemons is $?"
network=$(head -n 1 /var/run/sendmail.pid)
service start 2>/tmp/second && fail "a second start succeeded"
grep -q "pid $network" /tmp/second || { cat /tmp/second; fail "the refusal does not name pid $network"; }
[ "$(head -n 1 /var/run/sendmail.pid)" = "$network" ] || fail "the second start has changed the pid file"
service restart || fail "restart gave status $?"
until_true test -s /var/run/sendmail.pid
[ "$(head -n 1 /var/run/sendmail.pid)" != "$network" ] || fail "the restart has not replaced pid $network"
service stop || fail "stop gave status $?"
[ ! -e /var/run/sendmail.pid ] || fail "the pid file is still there although stop waits for the end"
service status && fail "status of stopped daemons is 0"
# pid 1 lives, and is no sendmail
printf '1\nsendmail -bd\n' >/var/run/sendmail.pid
service stop 2>/tmp/stale && fail "something else than sendmail was stopped"
service start || fail "a stale pid file prevents the start"
until_true service status
service stop || fail "stop gave status $?"
status=0
service wrong || status=$?
[ "$status" = 64 ] || fail "a wrong word gave status $status, not 64"
