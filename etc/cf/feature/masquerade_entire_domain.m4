divert(-1)
dnl masquerade_entire_domain: masquerades hosts below the domains of MASQUERADE_DOMAIN, too.
_ENABLE(`_MASQUERADE_ENTIRE_DOMAIN_')
