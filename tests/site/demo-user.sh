#!/bin/sh
# demo-user.sh BINARY: the demonstration for an ordinary user: high ports, the caller's own mailbox, everything below target/demo.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
binary=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
. "$here/tests/site/words.sh"
demo=$here/target/demo
me=$(id -un)
rm -rf "$demo"
mkdir -p "$demo"

say "make install DESTDIR=target/demo"
sh "$here/etc/install.sh" install "$binary" "$demo" /usr
skip "the users smmsp and smmta, owners, the setgid bit: need root; everything runs as $me"
skip "ports 25 and 587: need root; 2525 and 5870 instead"
skip "a mailbox in /var/mail: the alias $me leads to a file below target/demo instead"
for cf in sendmail.cf submit.cf; do
	sed -e "s#/etc/mail/#$demo/etc/mail/#g; s#/var/#$demo/var/#g" \
		-e 's/^O DaemonPortOptions=Name=MTA$/O DaemonPortOptions=Name=MTA, Port=2525, Addr=127.0.0.1/' \
		-e 's/^O DaemonPortOptions=Port=587, Name=MSA, M=E$/O DaemonPortOptions=Port=5870, Addr=127.0.0.1, Name=MSA, M=E/' \
		-e "s/^O RunAsUser=smmsp\$/O RunAsUser=$me/; s/^O TrustedUser=smmsp\$/O TrustedUser=$me/" \
		-e '/^Mrelay/,/^M[a-z]/s/A=TCP \$h$/A=TCP $h 2525/' \
		-e "\$aO TrustedUser=$me" \
		-e "\$aO PidFile=$demo/var/run/sendmail.pid" \
		"$demo/etc/mail/$cf" >"$demo/etc/mail/$cf.moved"
	mv "$demo/etc/mail/$cf.moved" "$demo/etc/mail/$cf"
done
sed -i "/sm-client.pid/!s#^O PidFile=.*clientmqueue.*##" "$demo/etc/mail/submit.cf"
sed -i "s#^O PidFile=$demo/var/run/sendmail.pid#O PidFile=$demo/var/spool/clientmqueue/sm-client.pid#" "$demo/etc/mail/submit.cf"
mkdir -p "$demo/var/mail" "$demo/var/run"
printf '%s: %s\npostmaster: %s\nMAILER-DAEMON: postmaster\n' "$me" "$demo/var/mail/$me" "$me" >"$demo/etc/mail/aliases"
sendmail() { "$demo/usr/sbin/sendmail" -C"$demo/etc/mail/sendmail.cf" "$@"; }
submit() { "$demo/usr/sbin/sendmail" -C"$demo/etc/mail/submit.cf" "$@"; }
sendmail -bi

say "both daemons"
sendmail -bd -q15m 2>"$demo/var/log/stderr" || { cat "$demo/var/log/stderr"; fail "the daemon does not start"; }
until_true test -s "$demo/var/run/sendmail.pid"
stop() { kill "$(head -n 1 "$demo/var/run/sendmail.pid")" 2>/dev/null || true; }
trap stop EXIT

say "a local program: sendmail -oi -t"
printf 'To: %s\nSubject: from a local program\n\nHello from the command line.\n' "$me" | submit -oi -t
until_true grep -q 'from a local program' "$demo/var/mail/$me"
say "the mailbox"
cat "$demo/var/mail/$me"
say "both queues"
sendmail -bp
submit -bp
say "done; the installation is left in $demo"
