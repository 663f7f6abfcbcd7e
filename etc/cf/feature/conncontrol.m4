divert(-1)
dnl conncontrol(nodelay, terminate): limits the number of connections of a client by entries ClientConn:address NUMBER of
dnl the access map. nodelay: also with delay_checks at connect; terminate: 421 ends the session.
ifdef(`_ACCESS_TABLE_', `', `_COMPLAIN(`conncontrol needs FEATURE(access_db) before it')')
ifelse(_ARG_, `', `', _ARG_, `nodelay', `', `_COMPLAIN(`conncontrol takes nodelay, or nothing, as its first argument')')
ifelse(_ARG2_, `', `', _ARG2_, `terminate', `', `_COMPLAIN(`conncontrol takes terminate, or nothing, as its second argument')')
ifelse(_ARG_, `nodelay', `ifdef(`_DELAY_CHECKS_', `_ENABLE(`_ConnControl_EARLY_')_ENABLE(`_EARLY_')')')
_ENABLE(`_LIMITS_')
divert(_AT_CONNECTIONS_)dnl
_ASK(`ConnControl')dnl
divert(9)dnl

`#' ConnControl: client name $| address -> an error where it has too many connections
SConnControl
R$* $| $+	$: $>TagEntry ClientConn $| $| $2
R< $* >	$: $>OverLimit < $1 > $| $&{client_connections}
RTRUE	$#error $@ 4.3.2 $: ifelse(_ARG2_, `terminate', `421', `452') Too many open connections.
