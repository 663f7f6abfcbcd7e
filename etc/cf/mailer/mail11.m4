divert(-1)
dnl MAILER(mail11): speaks to DECnet hosts by mail11.
_DEFIFNOT(`MAIL11_MAILER_PATH', `/usr/etc/mail11')
_DEFIFNOT(`MAIL11_MAILER_FLAGS', `nsFx')
_DEFIFNOT(`MAIL11_MAILER_ARGS', `mail11 $g $x $h $u')
divert(7)dnl
Mmail11, P=MAIL11_MAILER_PATH, F=_FLAGS(`MAIL11', MAIL11_MAILER_FLAGS), S=Mail11From, R=Mail11To,_EQUATES(`MAIL11')
	T=DNS/X-DECnet/X-Unix, A=MAIL11_MAILER_ARGS
divert(_AT_HEAD_)dnl
C{P}DECNET
C{DECnetDomain}DECNET. LOCAL
divert(_AT_MAILER_RULES_)dnl

`#' Mail11From, Mail11To: addresses as DECnet writes them
SMail11From
R$*	$@ $>Mail11Name $>MasqSMTP $1
SMail11Name
R$* < @ *LOCAL* >	$: $w :: $1
R$* < @ $- . UUCP >	$: $2 ! $1
R$+ < @ $- . $={DECnetDomain} >	$: $2 :: $1
SMail11To
R$+ < @ $- . DECNET . >	$: $2 :: $1
