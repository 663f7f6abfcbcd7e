divert(-1)
dnl always_add_domain(domain): adds our domain, or the one that is given, to local addresses in mail that is delivered
dnl here.
define(`_ALWAYS_ADD_DOMAIN_', ifelse(_ARG_, `', `1', `_ARG_'))
