divert(-1)
dnl accept_unresolvable_domains: accepts senders whose domain does not exist.
_ENABLE(`_ACCEPT_UNRESOLVABLE_')
