divert(-1)
dnl greet_pause(milliseconds): waits before the greeting and refuses clients that talk before it. The access map may have
dnl GreetPause:client MILLISECONDS.
ifelse(regexp(defn(`_ARG_'), `^[0-9]*$'), `-1', `_COMPLAIN(`greet_pause takes a number of milliseconds, without a unit')')
divert(9)dnl
`#' greet_pause: client name $| address -> the pause in milliseconds
SLocal_greet_pause
Sgreet_pause
_ASK(`Local_greet_pause')dnl
ifdef(`_ACCESS_TABLE_', `R$*	$: $>PeerEntry < ! GreetPause > $1
R< $* <TMPF> >	$@
R< NONE >	ifelse(defn(`_ARG_'), `', `$@', `$# _ARG_')
R$*	$@ $>Answer $1
', `ifelse(defn(`_ARG_'), `', `', `R$*	$# _ARG_
')')dnl
