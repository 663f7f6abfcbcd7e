divert(-1)
# always_add_domain(domain): adds our domain, or the one that is given, to local addresses in mail that is delivered
# here.
define(`_ALWAYS_ADD_DOMAIN_', ifelse(_ARG_, `', `1', `_ARG_'))
