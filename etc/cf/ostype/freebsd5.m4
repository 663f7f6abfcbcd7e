divert(-1)
dnl freebsd5: FreeBSD 5; uucp comes from the ports.

_DEFIFNOT(`STATUS_FILE', `/var/log/sendmail.st')
_DEFIFNOT(`LOCAL_MAILER_PATH', `/usr/libexec/mail.local')
_DEFIFNOT(`LOCAL_MAILER_ARGS', `mail $u')
_DEFIFNOT(`UUCP_MAILER_ARGS', `uux - -r -z -a$g $h!rmail ($u)')
_DEFIFNOT(`UUCP_MAILER_PATH', `/usr/local/bin/uux')
dnl The program that delivers locally is started as root: it locks the mailbox.
MODIFY_MAILER_FLAGS(`LOCAL', `+S')
