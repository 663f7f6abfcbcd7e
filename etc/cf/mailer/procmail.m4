divert(-1)
dnl MAILER(procmail): hands mail to procmail with a file of recipes, for mailertables.
_DEFIFNOT(`PROCMAIL_MAILER_PATH', `/usr/local/bin/procmail')
_DEFIFNOT(`PROCMAIL_MAILER_FLAGS', `SPhnu9')
_DEFIFNOT(`PROCMAIL_MAILER_ARGS', `procmail -Y -m $h $f $u')
divert(7)dnl
Mprocmail, P=PROCMAIL_MAILER_PATH, F=_FLAGS(`PROCMAIL', `DFM'PROCMAIL_MAILER_FLAGS), S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP/HdrFromSMTP,_EQUATES(`PROCMAIL')
	T=DNS/RFC822/X-Unix, A=PROCMAIL_MAILER_ARGS
