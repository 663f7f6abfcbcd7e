# A machine without any configuration runs on the built-in default, and says so; read by jail.sh.
rm -f /etc/mail/sendmail.cf /etc/mail/submit.cf

say "both daemons start"
sh "$HERE/rc.d/sendmail.sh" start 2>/tmp/told || fail "they do not start: $(cat /tmp/told)"
until_true test -s /var/run/sendmail.pid
for file in sendmail submit; do
	grep -q "^/etc/mail/$file.cf is not there: the built-in default is in force" /tmp/told || fail "standard error: $(cat /tmp/told)"
	[ "$(grep -c "/etc/mail/$file.cf is not there: the built-in default is in force" /var/log/maillog)" = 1 ] || fail "the log does not say it once"
done

say "mail between the users of the host"
printf 'To: alice\nSubject: no configuration\n\nHello\n' | su alice -c '/usr/sbin/sendmail -oi -t' 2>/tmp/told || fail "not taken: $(cat /tmp/told)"
[ ! -s /tmp/told ] || fail "a program that hands in mail is told: $(cat /tmp/told)"
until_true grep -q 'no configuration' /var/mail/alice

say "and nothing else"
client 192.168.2.5 25 someone@example.net alice@hoge.foo.jp outside && fail "it listens to the network"
say "nothing is refused for good"
perl -MIO::Socket::INET -e '
	my $s = IO::Socket::INET->new("127.0.0.1:25") or die;
	for ("", "EHLO x", "MAIL FROM:<alice\@hoge.foo.jp>", "RCPT TO:<nobody-of-that-name\@hoge.foo.jp>") {
		print $s "$_\r\n" if $_;
		do { $l = <$s> } while $l =~ /^...-/;
	}
	exit $l !~ /^450 /' || fail "an unknown user is refused for good"

say "HUP takes the file that is there now"
{ echo 'define(`confSMTP_LOGIN_MSG'"'"', `$j has a file'"'"')'; cat "$HERE/etc/mail/local-only.mc"; } | /usr/sbin/makecf - >/etc/mail/sendmail.cf
cp /etc/mail/sendmail.cf /tmp/kept.cf
kill -HUP "$(head -n 1 /var/run/sendmail.pid)"
greeting() { perl -MIO::Socket::INET -e 'print scalar readline(IO::Socket::INET->new("127.0.0.1:25") or die)'; }
has_a_file() { greeting | grep -q 'has a file'; }
until_true has_a_file

say "HUP without the file that was there changes nothing"
rm /etc/mail/sendmail.cf
sh "$HERE/rc.d/sendmail.sh" stop
cp /tmp/kept.cf /etc/mail/sendmail.cf
sh "$HERE/rc.d/sendmail.sh" start
until_true has_a_file
rm /etc/mail/sendmail.cf
kill -HUP "$(head -n 1 /var/run/sendmail.pid)"
until_true grep -q 'sendmail.cf: line 0: cannot open: No such file or directory' /var/log/maillog
has_a_file || fail "the site's rules are gone"

say "a file that is named must be there"
sendmail -C /etc/mail/nothing.cf -bv alice >/tmp/told 2>&1 && fail "it is taken for nothing"
grep -q 'nothing.cf: line 0: cannot open: No such file or directory' /tmp/told || fail "it does not say why: $(cat /tmp/told)"
sh "$HERE/rc.d/sendmail.sh" stop
