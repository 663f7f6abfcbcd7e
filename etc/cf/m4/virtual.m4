divert(-1)
dnl The virtusertable (FEATURE virtusertable).
divert(0)dnl
`#' Virtual: user < @ domain . > -> what the table has for it: a mailer or an error; the address when it has nothing
SVirtual
R$+ < @ $+ . >	$: $1 < @ $2 . > $| $(virtuser $1@$2 $@ $1 $: ? $)
R$+ + $+ < @ $+ . > $| ?	$: $1 + $2 < @ $3 . > $| $>VirtualKeys $1 $| $2 $| < $1++@$3 > < $1+*@$3 > < $1@$3 > < ++@$3 > < +*@$3 > < @$3 >
R$+ + < @ $+ . > $| ?	$: $1 + < @ $2 . > $| $>VirtualKeys $1 $| $| < $1+*@$2 > < $1@$2 > < +*@$2 > < @$2 >
R$+ < @ $+ . > $| ?	$: $1 < @ $2 . > $| $(virtuser @$2 $@ $1 $: NOTHING $)
R$* $| NOTHING	$@ $1
R$* $| error : $- . $- . $- : $+	$#error $@ $2.$3.$4 $: $5
R$* $| error : $- $+	$#error $@ $(dequote $2 $) $: $3
R$+ < @ $+ > $| error : $-	$#error $@ $(dequote $3 $) $: > $1 < @ $2	a code without a text
R$* $| $+	$@ $>Recurse $2

`#' VirtualKeys: user $| detail $| < key > < key > ... -> the value of the first key that has one, or NOTHING
SVirtualKeys
R$+ $| $* $| < $+ > $*	$: $1 $| $2 $| $4 $| $(virtuser $3 $@ $1 $@ $2 $@ +$2 $: ? $)
R$+ $| $* $| $+ $| ?	$@ $>VirtualKeys $1 $| $2 $| $3
R$+ $| $* $| $* $| ?	$@ NOTHING
R$+ $| $* $| $* $| $*	$@ $4
