divert(-1)
dnl darwin: macOS; its directories are writable for a group.

_DEFIFNOT(`STATUS_FILE', `/var/log/sendmail.st')
_DEFIFNOT(`LOCAL_MAILER_PATH', `/usr/libexec/mail.local')
_DEFIFNOT(`UUCP_MAILER_ARGS', `uux - -r -z -a$g $h!rmail ($u)')
define(`confDONT_BLAME_SENDMAIL', `AssumeSafeChown,GroupWritableDirPathSafe')
dnl The program that delivers locally is started as root: it locks the mailbox.
MODIFY_MAILER_FLAGS(`LOCAL', `+S')
