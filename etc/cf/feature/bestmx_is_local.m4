divert(-1)
dnl bestmx_is_local(domains): takes mail for every domain whose best MX record names this host, or only for the given ones
dnl of these. Calls add up, but whether strangers may send to a domain that is not given is for the last one to say.
_ENABLE(`_BESTMX_')
divert(_AT_HEAD_)dnl
Kbestmx bestmx -T<TEMP>
ifelse(defn(`_ARG_'), `', `define(`_BESTMX_ROUTES_', `BestMX')define(`_BESTMX_TAKES_', `BestMX')', `C{B}`'_ARG_
define(`_BESTMX_LISTED_')define(`_BESTMX_TAKES_', `ListedBestMX')ifdef(`_BESTMX_ROUTES_', `', `define(`_BESTMX_ROUTES_', `ListedBestMX')')')
