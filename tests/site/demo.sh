# The demonstration: a whole site, mail by every way in and out; read by jail.sh.

say "rc.d/sendmail.sh start"
sh "$HERE/rc.d/sendmail.sh" start
echo
until_true test -s /var/run/sendmail.pid
say "who listens, who runs"
if command -v ss >/dev/null; then ss -ltnH | awk '{ print $4 }' | grep -E ':(25|587)$'; fi
ps axo user,args | grep '[s]endmail: ' || true

say "a local program: sendmail -oi -t, as alice"
printf 'To: alice@www.foo.jp\nSubject: from a local program\n\nHello from the command line.\n' | su alice -c '/usr/sbin/sendmail -oi -t'
say "clients of the LAN on ports 25 and 587"
client 192.168.2.5 25 someone@pc5.lan.foo.jp alice@baz.bar.jp "through port 25"
client 192.168.3.7 587 other@lan.foo.jp alice@hoge.foo.jp "through port 587"
say "out to a remote MX"
if command -v python3 >/dev/null; then
	remote_hosts
	client 192.168.2.5 25 someone@pc5.lan.foo.jp friend@example.com "to the world"
	until_true grep -q 'mailer=esmtp.*stat=Sent' /var/log/maillog
else
	skip "needs python3 for the remote host and its DNS server"
fi
say "a stranger may not relay"
client 203.0.113.77 25 spammer@example.net victim@example.com never && fail "relayed for a stranger" || echo "    (refused, as it should be)"

until_true grep -q 'through port 25' /var/mail/alice
until_true grep -q 'through port 587' /var/mail/alice
until_true grep -q 'from a local program' /var/mail/alice
say "the mailbox /var/mail/alice"
cat /var/mail/alice
say "the maillog of its journey"
cat /var/log/maillog
say "both queues"
mailq
mailq -Ac
say "rc.d/sendmail.sh stop"
sh "$HERE/rc.d/sendmail.sh" stop
echo
say "what was counted"
mailstats
mailstats -P | awk '$NF == "local" && $4 >= 3 { found = 1 } END { exit !found }' || fail "three messages for alice were not counted"
say "done; what was installed is left in $JAIL/upper"
