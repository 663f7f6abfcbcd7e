# No name server answers: nothing blocks, nothing is lost. Read by jail.sh.
pkill -f fakedns.py || true
start=$(date +%s)
sh "$HERE/rc.d/sendmail.sh" start
until_true test -s /var/run/sendmail.pid
printf 'Subject: without a name server\n\nhello\n' | su alice -c '/usr/sbin/sendmail -oi bob@hoge.foo.jp' || fail "exit $?"
until_true grep -q 'without a name server' /var/mail/bob
end=$(date +%s)
echo "start and delivery took $((end - start)) s without a name server"
hostname plain
/usr/sbin/sendmail -Am -bt </dev/null >/dev/null || fail "a host name without a dot stops the program"
sh "$HERE/rc.d/sendmail.sh" stop
