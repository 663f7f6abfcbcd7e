#!/bin/sh
# demonstrate.sh BINARY: the demonstration, as root on a throw-away machine, else as an ordinary user below target/demo.
here=$(cd "$(dirname "$0")" && pwd)
if [ "$(id -u)" = 0 ]; then
	exec sh "$here/jail.sh" "$1" "$here/demo.sh"
fi
exec sh "$here/demo-user.sh" "$1"
