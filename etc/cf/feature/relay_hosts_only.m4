divert(-1)
dnl relay_hosts_only: takes the names of class R and of RELAY entries in the access map for hosts, not for domains.
_ENABLE(`_RELAY_HOSTS_ONLY_')
