divert(-1)
dnl nocanonify(canonify_hosts): does not ask the name server to complete domains, but those of CANONIFY_DOMAIN and, with
dnl the argument canonify_hosts, names without a dot.
_ENABLE(`_NO_CANONIFY_')
ifelse(_ARG_, `canonify_hosts', `_ENABLE(`_CANONIFY_HOSTS_')', _ARG_, `', `', `_WARN(`nocanonify takes canonify_hosts, or nothing')')
