#!/bin/sh
# run.sh BINARY [run.py options]: measures BINARY beside Postfix and the original, in one run. Root, Debian 12; see README.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
binary=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
bash "$here/setup.sh" sendmail sendmail-ml postfix
OURS_BIN=$binary bash "$here/setup.sh" ours
exec python3 "$here/run.py" --peers sendmail-ml,postfix,ours "$@"
