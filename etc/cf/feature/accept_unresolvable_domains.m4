divert(-1)
# accept_unresolvable_domains: accepts senders whose domain does not exist.
_ENABLE(`_ACCEPT_UNRESOLVABLE_')
