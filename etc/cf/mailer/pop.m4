divert(-1)
dnl MAILER(pop): hands mail to a POP server.
_DEFIFNOT(`POP_MAILER_PATH', `/usr/lib/mh/spop')
_DEFIFNOT(`POP_MAILER_FLAGS', `Penu')
_DEFIFNOT(`POP_MAILER_ARGS', `pop $u')
divert(7)dnl
Mpop, P=POP_MAILER_PATH, F=_FLAGS(`POP', `lsDFMq'POP_MAILER_FLAGS), S=EnvFromL, R=EnvToL/HdrToL,_EQUATES(`POP')
	T=DNS/RFC822/X-Unix, A=POP_MAILER_ARGS
