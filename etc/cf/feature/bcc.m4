divert(-1)
dnl bcc(map, host): sends copies: documented as experimental.
_COMPLAIN(`FEATURE(bcc) is not in this library yet')
