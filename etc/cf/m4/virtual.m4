divert(-1)
dnl The virtusertable (FEATURE virtusertable).
divert(0)dnl
`#' Virtual: user < @ domain . > -> what the table has for it: a mailer or an error; the address when it has nothing
SVirtual
R$+ < @ $+ . >	$: < $(virtuser $1@$2 $@ $1 $: @ $) > $1 < @ $2 . >
R< @ > $+ + $+ < @ $+ . >	$: < $(virtuser $1++@$3 $@ $1 $@ $2 $@ +$2 $: @ $) > $1 + $2 < @ $3 . >
R< @ > $+ + $* < @ $+ . >	$: < $(virtuser $1+*@$3 $@ $1 $@ $2 $@ +$2 $: @ $) > $1 + $2 < @ $3 . >
R< @ > $+ + $* < @ $+ . >	$: < $(virtuser $1@$3 $@ $1 $@ $2 $@ +$2 $: @ $) > $1 + $2 < @ $3 . >
R< @ > $+ + $+ < @ $+ . >	$: < $(virtuser ++@$3 $@ $1 $@ $2 $@ +$2 $: @ $) > $1 + $2 < @ $3 . >
R< @ > $+ + $* < @ $+ . >	$: < $(virtuser +*@$3 $@ $1 $@ $2 $@ +$2 $: @ $) > $1 + $2 < @ $3 . >
R< @ > $+ + $* < @ $+ . >	$: < $(virtuser @$3 $@ $1 $@ $2 $@ +$2 $: ! $) > $1 + $2 < @ $3 . >
R< @ > $+ < @ $+ . >	$: < $(virtuser @$2 $@ $1 $: @ $) > $1 < @ $2 . >
R< $={VirtualNothing} > $*	$@ $2
R< error : $- . $- . $- : $+ > $*	$#error $@ $1.$2.$3 $: $4
R< error : $- $+ > $*	$#error $@ $(dequote $1 $) $: $2
R< $+ > $+ < @ $+ >	$@ $>Recurse $1
