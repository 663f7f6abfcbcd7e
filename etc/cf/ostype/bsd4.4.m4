divert(-1)
# bsd4.4: paths and the local mailer of 4.4BSD.
_DEFIFNOT(`STATUS_FILE', `/var/log/sendmail.st')
_DEFIFNOT(`LOCAL_MAILER_PATH', `/usr/libexec/mail.local')
_DEFIFNOT(`confEBINDIR', `/usr/libexec')
