divert(-1)
dnl The mailertable (FEATURE mailertable).
divert(0)dnl
`#' Mailertable: < domain > < > address -> < mailer : host > address; the address where the table says nothing
SMailertable=90
R< $+ > < > $*	$: < $1 > < > $2 $| $(mailertable $1 $: ? $)
R< $+ > < > $* $| ?	$@ $>MailertableParent < $1 > < > $2
R< $+ > < > $* $| $+	$@ < $3 > $2

`#' MailertableParent: < domain > < what was taken off > address -> the same for .parent, and at last for .
SMailertableParent
R< $+ . $+ > < $* > $*	$: < $2 > < $3 $1 . > $4 $| $(mailertable . $2 $@ $3 $1 $: ? $)
R< $+ > < $* > $* $| ?	$@ $>MailertableParent < $1 > < $2 > $3
R< $+ > < $* > $* $| $+	$@ < $4 > $3
R< $+ > < $* > $*	$: $3 $| $(mailertable . $@ $2 $1 $: ? $)
R$* $| ?	$@ $1
R$* $| $+	$@ < $2 > $1

