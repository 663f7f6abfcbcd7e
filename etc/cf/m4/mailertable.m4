divert(-1)
dnl The mailertable (FEATURE mailertable).
divert(0)dnl
`#' Mailertable: < domain > < > address -> < mailer : host > address; the address where the table says nothing
SMailertable=90
R< $+ > < > $*	$: < $(mailertable $1 $: ? $) > < $1 > < > $2
R< ? > < $+ > < > $*	$@ $>MailertableParent < $1 > < > $2
R< $+ > < $+ > < > $*	$@ < $1 > $3

`#' MailertableParent: < domain > < what was taken off > address -> the same for .parent, and at last for .
SMailertableParent
R< $- . $+ > < $* > $*	$: < $(mailertable . $2 $@ $3 $1 $: ? $) > < $2 > < $3 $1 . > $4
R< ? > < $+ > < $+ > $*	$@ $>MailertableParent < $1 > < $2 > $3
R< $+ > < $+ > < $+ > $*	$@ < $1 > $4
R< $- > < $* > $*	$: < $(mailertable . $@ $2 $1 $: ? $) > $3
R< ? > $*	$@ $1

