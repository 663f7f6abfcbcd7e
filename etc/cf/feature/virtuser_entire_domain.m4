divert(-1)
dnl virtuser_entire_domain: looks up hosts below the domains of VIRTUSER_DOMAIN, too.
_ENABLE(`_VIRTUSER_ENTIRE_DOMAIN_')
