# The site again, under the configuration that the stock tree makes of its .mc files; read by jail.sh.
for name in sendmail submit; do
	[ -f "/opt/oracle/cf/seed-$name.cf" ] || { skip "the original is not set up: sh tests/oracle/setup.sh"; exit 0; }
	cp "/opt/oracle/cf/seed-$name.cf" "/etc/mail/$name.cf"
done
. "$HERE/tests/site/relay.sh"
