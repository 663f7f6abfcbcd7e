divert(-1)
dnl preserve_luser_host: keeps the host of a recipient that goes to LUSER_RELAY.
_ENABLE(`_PRESERVE_LUSER_HOST_')
