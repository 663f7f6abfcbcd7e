divert(-1)
dnl MAILER(usenet): posts to news groups: mail for group.usenet.
_DEFIFNOT(`USENET_MAILER_PATH', `/usr/lib/news/inews')
_DEFIFNOT(`USENET_MAILER_FLAGS', `rsDFMmn')
_DEFIFNOT(`USENET_MAILER_ARGS', `inews -m -h -n')
divert(7)dnl
Musenet, P=USENET_MAILER_PATH, F=_FLAGS(`USENET', USENET_MAILER_FLAGS), S=EnvFromL, R=EnvToL,_EQUATES(`USENET')
	T=X-Usenet/X-Usenet/X-Unix, A=USENET_MAILER_ARGS $u
divert(3)dnl
R$+ . USENET < @ $=w . >	$: $1 . USENET
R$+ . USENET	$#usenet $@ usenet $: $1
