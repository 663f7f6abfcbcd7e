divert(-1)
dnl bestmx_is_local(domains): takes mail for every domain whose best MX record names this host, or only for the given ones
dnl of these.
_ENABLE(`_BESTMX_')
divert(_AT_HEAD_)dnl
Kbestmx bestmx -T<TEMP>
ifelse(defn(`_ARG_'), `', `', `C{B}`'_ARG_
define(`_BESTMX_LIMITED_', `1')')
