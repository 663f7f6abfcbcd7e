divert(-1)
# linux: paths and the local mailer of Linux.
_DEFIFNOT(`LOCAL_MAILER_PATH', `/usr/bin/procmail')
_DEFIFNOT(`LOCAL_MAILER_FLAGS', `SPfhn9')
_DEFIFNOT(`LOCAL_MAILER_ARGS', `procmail -a $h -d $u')
