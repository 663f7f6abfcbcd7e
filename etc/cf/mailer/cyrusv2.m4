divert(-1)
dnl MAILER(cyrusv2): hands mail to Cyrus 2 by LMTP.
_DEFIFNOT(`CYRUSV2_MAILER_FLAGS', `A@/:|m')
_DEFIFNOT(`CYRUSV2_MAILER_ARGS', `FILE /var/imap/socket/lmtp')
divert(7)dnl
Mcyrusv2, P=[IPC], F=_FLAGS(`CYRUSV2', `lsDFMnqXz'CYRUSV2_MAILER_FLAGS), S=EnvFromSMTP/HdrFromL, R=EnvToL/HdrToL, E=\r\n,_EQUATES(`CYRUSV2')
	T=DNS/RFC822/SMTP, A=CYRUSV2_MAILER_ARGS
