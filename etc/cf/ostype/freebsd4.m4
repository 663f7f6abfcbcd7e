divert(-1)
dnl freebsd4: FreeBSD 4.

_DEFIFNOT(`STATUS_FILE', `/var/log/sendmail.st')
_DEFIFNOT(`LOCAL_MAILER_PATH', `/usr/libexec/mail.local')
_DEFIFNOT(`LOCAL_MAILER_ARGS', `mail $u')
_DEFIFNOT(`UUCP_MAILER_ARGS', `uux - -r -z -a$g $h!rmail ($u)')
dnl The program that delivers locally is started as root: it locks the mailbox.
MODIFY_MAILER_FLAGS(`LOCAL', `+S')
