# A daemon or a submission that cannot begin says why, in the log as at the terminal, with the command that mends it. Read by jail.sh.
start_daemon() { /usr/sbin/sendmail -L sm-mta -bd -q15m; }
start_client() { /usr/sbin/sendmail -L sm-msp-queue -Ac -q15m; }
logged() { until_true 50 grep -qF -e "$*" /var/log/maillog; }

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
