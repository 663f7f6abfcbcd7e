divert(-1)
dnl MAILER(phquery): asks a CCSO name server (mailer ph).
_DEFIFNOT(`PH_MAILER_PATH', `/usr/local/etc/phquery')
_DEFIFNOT(`PH_MAILER_FLAGS', `ehmu')
_DEFIFNOT(`PH_MAILER_ARGS', `phquery -- $u')
divert(7)dnl
Mph, P=PH_MAILER_PATH, F=_FLAGS(`PH', `nrDFM'PH_MAILER_FLAGS), S=EnvFromL, R=EnvToL/HdrToL,_EQUATES(`PH')
	T=DNS/RFC822/X-Unix, A=PH_MAILER_ARGS
