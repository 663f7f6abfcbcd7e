# The demonstration for an ordinary user, who has a copy of what it takes; read by jail.sh.
copy=/home/alice/futago
mkdir -p "$copy/tests"
cp -r "$HERE/etc" "$HERE/rc.d" "$copy"
cp -r "$HERE/tests/site" "$copy/tests"
chown -R alice "$copy"
su alice -c "sh $copy/tests/site/demonstrate.sh /usr/sbin/sendmail"
