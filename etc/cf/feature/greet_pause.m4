divert(-1)
dnl greet_pause(milliseconds): waits before the greeting and refuses clients that talk before it. The access map may have
dnl GreetPause:client MILLISECONDS.
ifelse(regexp(defn(`_ARG_'), `^[0-9]*$'), `-1', `_COMPLAIN(`greet_pause takes a number of milliseconds, without a unit')')
divert(9)dnl
`#' greet_pause: client name $| address -> the pause in milliseconds
SLocal_greet_pause
Sgreet_pause
R$*	$: $1 $| $>Local_greet_pause $1
R$* $| $* $| $#$*	$#$3
R$* $| $* $| $*	$: $1 $| $2
ifdef(`_ACCESS_TABLE_', `R$+ $| $+	$: $>D < $1 > < ? > < ! GreetPause > < $2 >
R$| $+	$: < ? > < $1 >
R< ? > < $+ >	$: $>A < $1 > < ? > < ! GreetPause > < $1 >
R< ? > < $* >	ifelse(defn(`_ARG_'), `', `$@', `$# _ARG_')
R< $* <TMPF> > < $* >	$@
R< $+ > < $* >	$# $1
', `ifelse(defn(`_ARG_'), `', `', `R$*	$# _ARG_
')')dnl
