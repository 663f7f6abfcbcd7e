divert(-1)
# The mailertable (FEATURE mailertable).
divert(0)dnl
`#' Mailertable: < domain > < what was taken off > address -> < mailer : host > address; the address without < > when nothing is said
SMailertable=90
R< $- . $+ > < > $*	$: < $(mailertable $1.$2 $: <> $1 . $2 $) > < > $3
R< $- > < > $*	$: < $(mailertable $1 $: <> $1 $) > < > $2
R< <> $* > < $* > $*	$: < <> $1 > < $2 > $3
R< $- : $* > < $* > $*	$@ < $1 : $2 > $4
R< <> $- . $+ > < $* > $*	$@ $>MailertableRest < $1 . $2 > < $3 > $4
R< <> $- > < $* > $*	$@ $>MailertableRest < $1 > < $2 > $3
R< <> $* > < $* > $*	$@ $>MailertableRest < $1 > < $2 > $3
R< $+ > < $* > $*	$@ < $1 > $3

