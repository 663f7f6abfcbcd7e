divert(-1)
dnl MAILER(qpage): sends to pagers by QuickPage.
_DEFIFNOT(`QPAGE_MAILER_PATH', `/usr/local/bin/qpage')
_DEFIFNOT(`QPAGE_MAILER_FLAGS', `mDFMs')
_DEFIFNOT(`QPAGE_MAILER_ARGS', `qpage -l0 -m -P$u')
_DEFIFNOT(`QPAGE_MAILER_MAX', `4096')
divert(7)dnl
_PART_`'dnl
Mqpage, P=QPAGE_MAILER_PATH, F=_FLAGS(`QPAGE', QPAGE_MAILER_FLAGS),_EQUATES(`QPAGE')
	T=DNS/RFC822/X-Unix, A=QPAGE_MAILER_ARGS
