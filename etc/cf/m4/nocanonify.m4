divert(-1)
dnl Canonify2 without the name server (FEATURE nocanonify), but for the names that the site wants it to be asked about.
divert(0)dnl
R$* < @ $+ > $*	$: $1 < @ $2 > $3 $| < $&{daemon_flags} >
R$* $| < $* c $* >	$: $1 $| ASK	the port says: ask the name server
ifdef(`_CANONIFY_HOSTS_', `R$* < @ $- > $* $| < $* >	$: $1 < @ $2 > $3 $| ASK
')dnl
ifdef(`_CANONIFY_DOMAINS_', `R$* < @ $={Canonify} > $* $| < $* >	$: $1 < @ $2 > $3 $| ASK
R$* < @ $* . $={Canonify} > $* $| < $* >	$: $1 < @ $2 . $3 > $4 $| ASK
')dnl
R$* < @ $+ > $* $| ASK	$: $1 < @ $[ $2 $] > $3
R$* < @ $+ . $+ > $* $| < $* >	$: $1 < @ $2 . $3 . > $4
R$* $| < $* >	$: $1
