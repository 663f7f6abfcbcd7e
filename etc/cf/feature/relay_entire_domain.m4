divert(-1)
dnl relay_entire_domain: lets every host of our domain (class m) relay.
_ENABLE(`_RELAY_ENTIRE_DOMAIN_')
