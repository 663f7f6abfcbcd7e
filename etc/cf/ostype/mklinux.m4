divert(-1)
dnl mklinux: MkLinux; procmail is the local mailer.

define(`confEBINDIR', `/usr/sbin')
_DEFIFNOT(`STATUS_FILE', `/var/log/sendmail.st')
_DEFIFNOT(`PROCMAIL_MAILER_PATH', `/usr/bin/procmail')
define(`LOCAL_MAILER_PATH', `/usr/bin/procmail')
define(`LOCAL_MAILER_FLAGS', `SPfhn9')
define(`LOCAL_MAILER_ARGS', `procmail -a $h -d $u')
