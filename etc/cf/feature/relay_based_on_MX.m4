divert(-1)
dnl relay_based_on_MX: lets mail to domains through whose MX records name this host.
_ENABLE(`_RELAY_MX_')
divert(_AT_HEAD_)dnl
Kmxserved bestmx -z: -T<TEMP>
