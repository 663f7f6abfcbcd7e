divert(-1)
dnl Canonify2 without the name server (FEATURE nocanonify).
divert(0)dnl
R$* < @ $* . > $*	$@ $1 < @ $2 . > $3	complete already
R$* < @ $* . $={P} > $*	$@ $1 < @ $2 . $3 . > $4	a marker is complete
R$*	$: $&{daemon_flags} $| $1
R$* c $* $| $*	$: DNS $| $3	the port says: ask the name server
ifdef(`_CANONIFY_HOSTS_', `R$* $| $* < @ $- > $*	$: DNS $| $2 < @ $3 > $4
')dnl
ifdef(`_CANONIFY_DOMAINS_', `R$* $| $* < @ $={Canonify} > $*	$: DNS $| $2 < @ $3 > $4
R$* $| $* < @ $* . $={Canonify} > $*	$: DNS $| $2 < @ $3 . $4 > $5
')dnl
RDNS $| $* < @ $+ > $*	$: $1 < @ $[ $2 $] > $3
R$* $| $* < @ $+ . $+ > $*	$: $2 < @ $3 . $4 . > $5
R$* $| $*	$: $2
