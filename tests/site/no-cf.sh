# A machine without any configuration runs on the built-in default, and says so; read by jail.sh.
rm -f /etc/mail/sendmail.cf /etc/mail/submit.cf

say "both daemons start"
sh "$HERE/rc.d/sendmail.sh" start 2>/tmp/told || fail "they do not start: $(cat /tmp/told)"
until_true 100 test -s /var/run/sendmail.pid
for file in sendmail submit; do
	grep -q "^/etc/mail/$file.cf is not there: the built-in default is in force" /tmp/told || fail "standard error: $(cat /tmp/told)"
	[ "$(grep -c "/etc/mail/$file.cf is not there: the built-in default is in force" /var/log/maillog)" = 1 ] || fail "the log does not say it once"
done

say "mail between the users of the host"
printf 'To: alice\nSubject: no configuration\n\nHello\n' | su alice -c '/usr/sbin/sendmail -oi -t' 2>/tmp/told || fail "not taken: $(cat /tmp/told)"
[ ! -s /tmp/told ] || fail "a program that hands in mail is told: $(cat /tmp/told)"
until_true 100 grep -q 'no configuration' /var/mail/alice

say "and nothing else"
client 192.168.2.5 25 someone@example.net alice@hoge.foo.jp outside && fail "it listens to the network"
sendmail -bv someone@example.com 2>/dev/null | grep -q 'sends no mail to others' || fail "it would send mail elsewhere"

say "HUP takes the file that is there now"
{ echo 'define(`confSMTP_LOGIN_MSG'"'"', `$j has a file'"'"')'; cat "$HERE/etc/mail/local-only.mc"; } | /usr/sbin/makecf - >/etc/mail/sendmail.cf
kill -HUP "$(head -n 1 /var/run/sendmail.pid)"
greeting() { perl -MIO::Socket::INET -e 'print scalar readline(IO::Socket::INET->new("127.0.0.1:25") or die)'; }
has_a_file() { greeting | grep -q 'has a file'; }
until_true 100 has_a_file

say "a file that is named must be there"
sendmail -C /etc/mail/nothing.cf -bv alice >/tmp/told 2>&1 && fail "it is taken for nothing"
grep -q 'nothing.cf: line 0: cannot open: No such file or directory' /tmp/told || fail "it does not say why: $(cat /tmp/told)"
sh "$HERE/rc.d/sendmail.sh" stop
