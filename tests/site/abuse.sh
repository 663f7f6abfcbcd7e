# Clients that nobody wants: each gets its answer, none delays another, nothing accepted is lost. Read by jail.sh; $1: quick or long.
command -v python3 >/dev/null || { skip "needs python3"; exit 0; }
/usr/sbin/sendmail -L sm-mta -bd -q15m
until_true test -s /var/run/sendmail.pid
elsewhere python3 "$HERE/tests/site/abuse.py" "${1:-quick}"
