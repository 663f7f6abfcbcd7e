divert(-1)
dnl MAILER(fax): sends faxes.
_DEFIFNOT(`FAX_MAILER_PATH', `/usr/bin/faxmail')
_DEFIFNOT(`FAX_MAILER_ARGS', `faxmail -d $u@$h $f')
_DEFIFNOT(`FAX_MAILER_MAX', `100000')
divert(7)dnl
Mfax, P=FAX_MAILER_PATH, F=DFMhu, S=14, R=24,_EQUATES(`FAX')
	T=X-Phone/X-FAX/X-Unix, A=FAX_MAILER_ARGS
divert(_AT_HEAD_)dnl
C{P}FAX
divert(_AT_MAILER_RULES_)dnl

`#' 14, 24: sender and recipient of a fax
S14
R$+ < @ $* >	$: $1 @ $2
S24
R$+ < @ $* . FAX . >	$: $1
R$+ < @ $* >	$: $1 @ $2
