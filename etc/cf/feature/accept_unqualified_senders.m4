divert(-1)
dnl accept_unqualified_senders: accepts senders without a domain from the network.
_ENABLE(`_ACCEPT_UNQUALIFIED_')
