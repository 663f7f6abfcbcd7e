divert(-1)
dnl ratecontrol(nodelay, terminate): limits the rate of connections of a client by entries ClientRate:address NUMBER of
dnl the access map. nodelay: also with delay_checks at connect; terminate: 421 ends the session.
ifdef(`_ACCESS_TABLE_', `', `_COMPLAIN(`ratecontrol needs FEATURE(access_db) before it')')
ifelse(_ARG_, `', `', _ARG_, `nodelay', `', `_COMPLAIN(`ratecontrol takes nodelay, or nothing, as its first argument')')
ifelse(_ARG2_, `', `', _ARG2_, `terminate', `', `_COMPLAIN(`ratecontrol takes terminate, or nothing, as its second argument')')
ifelse(_ARG_, `nodelay', `ifdef(`_DELAY_CHECKS_', `_ENABLE(`_RateControl_EARLY_')_ENABLE(`_EARLY_')')')
_ENABLE(`_LIMITS_')
divert(_AT_RATE_)dnl
_ASK(`RateControl')dnl
divert(9)dnl

`#' RateControl: client name $| address -> an error where it has too many connections
SRateControl
R$* $| $+	$: $>TagEntry ClientRate $| $| $2
R< $* >	$: $>OverLimit < $1 > $| $&{client_rate}
RTRUE	$#error $@ 4.3.2 $: ifelse(_ARG2_, `terminate', `421', `452') Connection rate limit exceeded.
