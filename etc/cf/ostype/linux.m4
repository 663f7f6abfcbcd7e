divert(-1)
dnl linux: Linux; procmail is the local mailer.

define(`confEBINDIR', `/usr/sbin')
define(`PROCMAIL_MAILER_PATH', `/usr/bin/procmail')
define(`LOCAL_MAILER_PATH', `/usr/bin/procmail')
define(`LOCAL_MAILER_FLAGS', `SPfhn9')
define(`LOCAL_MAILER_ARGS', `procmail -a $h -d $u')
