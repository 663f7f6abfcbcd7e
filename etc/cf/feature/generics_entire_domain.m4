divert(-1)
dnl generics_entire_domain: looks up hosts below the domains of GENERICS_DOMAIN, too.
_ENABLE(`_GENERICS_ENTIRE_DOMAIN_')
