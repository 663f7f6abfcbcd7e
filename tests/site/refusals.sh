# A daemon or a submission that cannot begin says why, in the log as at the terminal, with the command that mends it. Read by jail.sh.
start_daemon() { /usr/sbin/sendmail -L sm-mta -bd -q15m; }
start_client() { /usr/sbin/sendmail -L sm-msp-queue -Ac -q15m; }
logged() { until_true grep -qF -e "$*" /var/log/maillog; }

say "a broken configuration"
cp /etc/mail/sendmail.cf /tmp/good.cf
echo "what is this" >>/etc/mail/sendmail.cf
start_daemon 2>/tmp/refusal && fail "it started with a broken configuration"
logged "NOQUEUE: SYSERR(root): $(cat /tmp/refusal)"
cp /tmp/good.cf /etc/mail/sendmail.cf

say "no queue directory"
rmdir /var/spool/mqueue
start_daemon 2>/tmp/refusal && fail "it started without a queue directory"
logged "NOQUEUE: SYSERR(root): $(cat /tmp/refusal)"

say "a file in the place of the queue directory"
: >/var/spool/mqueue
start_daemon 2>/tmp/refusal && fail "it started with a file for its queue"
logged "NOQUEUE: SYSERR(root): /var/spool/mqueue: not a directory: move it away, then run \`install -d -o root -m 0700 /var/spool/mqueue\`"

say "a client queue that belongs to somebody else"
chown root:root /var/spool/clientmqueue
start_client 2>/tmp/refusal && fail "it started on somebody else's queue"
logged "NOQUEUE: SYSERR(smmsp): /var/spool/clientmqueue: owner is root, must be smmsp: run \`chown smmsp /var/spool/clientmqueue\`"
! grep -q 'sm-msp-queue.*starting daemon\|pid file' /var/log/maillog || fail "it said that it starts"
su alice -c "echo hello | /usr/sbin/sendmail root" >/dev/null 2>&1 && fail "it took mail into somebody else's queue"
logged "NOQUEUE: SYSERR(alice): /var/spool/clientmqueue: owner is root, must be smmsp"
chown smmsp:smmsp /var/spool/clientmqueue

say "directories that work but are odd"
chmod 777 /var/spool/clientmqueue
odd="/var/spool/clientmqueue: mode is 0777, must be 0770: run \`chmod 0770 /var/spool/clientmqueue\`"
su alice -c "echo hello | /usr/sbin/sendmail -odq root" || fail "it refused mail"
logged "NOQUEUE: $odd"
start_client
until_true grep -qF -e "sm-msp-queue" /var/log/maillog
logged_by_daemon() { grep -F -e "$odd" /var/log/maillog | grep -q sm-msp-queue; }
until_true logged_by_daemon
kill "$(head -n 1 /var/spool/clientmqueue/sm-client.pid)"
chmod 770 /var/spool/clientmqueue
rm /var/spool/mqueue
install -d -o root -m 0700 /var/spool/mqueue
start_daemon
chmod 770 /var/spool/mqueue
chown alice /var/spool/mqueue
kill -HUP "$(head -n 1 /var/run/sendmail.pid)"
logged "/var/spool/mqueue: owner is alice, must be root: run \`chown root /var/spool/mqueue\`"
chown root /var/spool/mqueue
chmod 700 /var/spool/mqueue
kill -TERM "$(head -n 1 /var/run/sendmail.pid)"
until_true test ! -e /var/run/sendmail.pid

say "a restart with a broken configuration stops nothing"
script() { SENDMAIL=/usr/sbin/sendmail sh "$HERE/rc.d/sendmail.sh" "$@"; }
script start
pid=$(head -n 1 /var/run/sendmail.pid)
for file in sendmail.cf submit.cf; do
	cp "/etc/mail/$file" /tmp/good.cf
	echo "what is this" >>"/etc/mail/$file"
	script restart 2>/tmp/refusal && fail "it restarted with a broken $file"
	grep -q "/$file: line .*what is this" /tmp/refusal || fail "it does not say what is wrong: $(cat /tmp/refusal)"
	[ "$(head -n 1 /var/run/sendmail.pid)" = "$pid" ] && kill -0 "$pid" || fail "the good daemon is gone"
	cp /tmp/good.cf "/etc/mail/$file"
done
script restart || fail "it does not restart"
script stop

say "maps that cannot be opened"
cp /etc/mail/access.db /tmp/good.db
: >/etc/mail/access.db
: >/etc/mail/aliases.db
: >/var/log/maillog
script start
client 198.51.100.11 25 a@lan.foo.jp alice@hoge.foo.jp lost >/dev/null 2>&1 || :
logged "run: newaliases"
logged "run: makemap hash /etc/mail/access < /etc/mail/access"
[ "$(grep -cF 'run: newaliases' /var/log/maillog)" = 1 ] || fail "told more than once"
cp /tmp/good.db /etc/mail/access.db
script stop
