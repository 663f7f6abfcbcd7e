divert(-1)
dnl The genericstable (FEATURE genericstable).
divert(0)dnl
`#' Generics: < user@domain > address -> behind $| the address that the table has for it; a user without domain
`#' that it has; or the address
SGenerics
R< $+ > $*	$: < $(generics $1 $: @ $1 $) > $2
R< @ $+ + $* @ $+ > $*	$: < $(generics $1+*@$3 $@ $2 $: @ $1+$2@$3 $) > $4
R< @ $+ + $* @ $+ > $*	$: < $(generics $1@$3 $: @ $1+$2@$3 $) > $4
R< @ $+ @ $+ > $*	$: < $(generics @$2 $@ $1 $: @ $1@$2 $) > $3
R< @ $+ + $* @ $+ > $*	$: < $(generics $1+* $@ $2 $: @ $1+$2@$3 $) > $4
R< @ $+ + $* @ $+ > $*	$: < $(generics $1 $: @ $1+$2@$3 $) > $4
R< @ $+ @ $+ > $*	$: < $(generics $1 $: @ $1@$2 $) > $3
R< @ $+ > $*	$@ $2	nothing
R< $+ > $*	$: $1
R$* @ $*	$@ $| $>canonify $1 @ $2
R$+	$: $1 < @ *LOCAL* >
