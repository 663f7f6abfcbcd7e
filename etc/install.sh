#!/bin/sh
# install.sh install|uninstall BINARY DESTDIR PREFIX
#
# Lays the program, its links, its queues and its users; can be run again and again, and never overwrites a file of /etc/mail.
# With a DESTDIR (packages, demonstrations) users are not made and owners are set only where they exist.
set -eu
umask 022

action=$1 binary=$2 destdir=$3 prefix=$4
here=$(cd "$(dirname "$0")" && pwd)
sbin=$destdir$prefix/sbin bin=$destdir$prefix/bin libexec=$destdir$prefix/libexec
mail=$destdir/etc/mail spool=$destdir/var/spool

say() { echo "install: $*"; }
fail() { echo "install: $*" >&2; exit 1; }

# Tells whether user or group $2 exists in the database $1.
known() { getent "$1" "$2" >/dev/null 2>&1; }

# Makes a user and a group of the same name: $1 name, $2 preferred number, $3 home, $4 what it is.
make_user() {
	number=$2
	if known passwd "$number" || known group "$number"; then number=; fi
	if command -v pw >/dev/null 2>&1; then
		known group "$1" || pw groupadd "$1" ${number:+-g "$number"}
		known passwd "$1" || pw useradd "$1" ${number:+-u "$number"} -g "$1" -d "$3" -s /usr/sbin/nologin -c "$4"
	else
		known group "$1" || groupadd -r ${number:+-g "$number"} "$1"
		known passwd "$1" || useradd -r ${number:+-u "$number"} -g "$1" -M -d "$3" -s /usr/sbin/nologin -c "$4" "$1"
	fi
}

# Sets owner $1 and mode $2 of $3. Where the owner cannot be set, no setuid or setgid bit is set either.
own() {
	if [ "$(id -u)" = 0 ] && known passwd "${1%%:*}" && known group "${1##*:}"; then
		chown "$1" "$3"
		chmod "$2" "$3"
	else
		say "skipped: chown $1 $3 and the mode $2 (needs root and the user)"
		chmod "$(printf '%s' "$2" | tail -c 3)" "$3"
	fi
}

# Lays $1 as $2 unless something (if only a link to nowhere) is there; a newer default then goes beside it.
lay() {
	if [ ! -e "$2" ] && [ ! -L "$2" ]; then
		cp "$1" "$2"; chmod 644 "$2"
	elif ! cmp -s "$1" "$2"; then
		cp "$1" "$2.futago-new"; chmod 644 "$2.futago-new"
		say "$2 kept as it is; our default lies beside it: $2.futago-new"
	fi
}

# Makes directory $1 with owner $2 and mode $3; one that is there is left as it is.
directory() {
	if [ ! -d "$1" ]; then
		mkdir -p "$1"
		own "$2" "$3" "$1"
	fi
}

# Moves a program of somebody else out of the way: `uninstall` puts it back.
set_aside() {
	if [ -e "$1" ] && [ ! -e "$1.before-futago" ] && ! "$1" -d0.1 -bC </dev/null 2>/dev/null | grep -q '^Version 8.18.1$'; then
		mv "$1" "$1.before-futago"
		say "$1 was another program: kept as $1.before-futago"
	fi
}

# Makes $2.cf of $1.mc, by way of a copy $2.mc, where there is no $2.cf. One that is there stays: its administrator makes it.
make_cf() {
	if [ -e "$mail/$2.cf" ] || [ -L "$mail/$2.cf" ]; then return; fi
	[ -e "$mail/$2.mc" ] || lay "$here/mail/$1.mc" "$mail/$2.mc"
	"$sbin/makecf" "$mail/$2.mc" >"$mail/$2.cf.new" || { rm -f "$mail/$2.cf.new"; fail "mend $mail/$2.mc"; }
	mv -f "$mail/$2.cf.new" "$mail/$2.cf"
}

# Lays a link unless a program of somebody else has the name; that one is set aside.
link() {
	if [ -e "$2" ] && [ "$(readlink "$2")" != "$1" ] && [ ! -e "$2.before-futago" ]; then mv "$2" "$2.before-futago"; fi
	ln -sf "$1" "$2"
}

# Removes what we laid and puts back what was there before.
take_away() {
	rm -f "$1"
	if [ -e "$1.before-futago" ] || [ -L "$1.before-futago" ]; then mv "$1.before-futago" "$1"; fi
}

do_install() {
	[ -x "$binary" ] || fail "$binary: no program there: run \`make\` first"
	if [ -z "$destdir" ]; then
		[ "$(id -u)" = 0 ] || fail "needs root: run \`make install\` as root, or give a DESTDIR"
		make_user smmsp 25 /var/spool/clientmqueue "Sendmail Submission User"
		make_user smmta 26 /var/empty "Sendmail Network Daemon"
	fi
	mkdir -p "$sbin" "$bin" "$libexec" "$mail" "$spool" "$destdir/var/log"
	cp "$binary" "$sbin/sendmail.new"
	own root:smmsp 2555 "$sbin/sendmail.new"
	set_aside "$sbin/sendmail"
	mv -f "$sbin/sendmail.new" "$sbin/sendmail"
	for name in makemap editmap praliases makecf mailstats; do link sendmail "$sbin/$name"; done
	for name in mailq newaliases hoststat purgestat; do link ../sbin/sendmail "$bin/$name"; done
	link ../sbin/sendmail "$libexec/mail.local"

	[ -d "$destdir/var/empty" ] || directory "$destdir/var/empty" root:0 0555
	directory "$spool/mqueue" root:0 0700
	directory "$spool/clientmqueue" smmsp:smmsp 0770
	if [ -z "$destdir" ] && [ -f /etc/aliases ] && [ ! -e "$mail/aliases" ]; then ln -s ../aliases "$mail/aliases"; fi
	for name in aliases access local-host-names; do lay "$here/mail/$name" "$mail/$name"; done
	for file in "$here"/mail/Makefile "$here"/mail/*.mc; do lay "$file" "$mail/${file##*/}"; done
	make_cf lan-relay sendmail
	make_cf submit submit
	if [ ! -e "$mail/access.db" ]; then "$sbin/makemap" hash "$mail/access.db" <"$mail/access"; fi
	if [ -z "$destdir" ] && [ ! -e "$mail/aliases.db" ]; then "$bin/newaliases" || say "run newaliases once its file is mended"; fi
	[ -e "$destdir/var/log/sendmail.st" ] || { : >"$destdir/var/log/sendmail.st"; own root:0 0640 "$destdir/var/log/sendmail.st"; }
	if [ -d "$destdir$prefix/etc/rc.d" ] || [ "$(uname -s)" = FreeBSD ]; then
		mkdir -p "$destdir$prefix/etc/rc.d"
		sed "s#:-/usr/sbin/sendmail}#:-$prefix/sbin/sendmail}#" "$here/../rc.d/sendmail.sh" >"$destdir$prefix/etc/rc.d/sendmail.sh"; chmod 755 "$destdir$prefix/etc/rc.d/sendmail.sh"
	fi
	say "done: $sbin/sendmail; README.md tells how to switch to it"
}

do_uninstall() {
	for name in sendmail makemap editmap praliases makecf mailstats; do take_away "$sbin/$name"; done
	for name in mailq newaliases hoststat purgestat; do take_away "$bin/$name"; done
	take_away "$libexec/mail.local"
	rm -f "$destdir$prefix/etc/rc.d/sendmail.sh"
	say "done; $mail, the queues and the users smmsp and smmta are left as they are"
}

case $action in
install) do_install ;;
uninstall) do_uninstall ;;
*) fail "usage: install.sh install|uninstall BINARY DESTDIR PREFIX" ;;
esac
