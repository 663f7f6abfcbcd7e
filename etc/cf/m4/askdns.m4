divert(-1)
dnl Canonify2 with the name server, which knows the full names of aliases and of short names.
divert(0)dnl
ifdef(`_NO_UUCP_', `', `R$* < @ $+ . . UUCP > $*	$@ $1 < @ $2 . > $3	its final dot says that it is none
R$* < @ $+ . UUCP > $*	$@ $1 < @ $[ $2 $: $2 . UUCP . $] > $3	a neighbour may have a real domain
')dnl
R$* < @ $+ > $*	$: $1 < @ $2 > $3 $| $&{daemon_flags}
R$* < @ $+ . $+ > $* $| $* CC $*	$@ $1 < @ $2 . $3 . > $4	the port says: leave domains alone
R$* $| $* CC $*	$: $1
R$* < @ $+ > $* $| $*	$: $1 < @ $[ $2 $] > $3
