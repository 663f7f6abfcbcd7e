divert(-1)
dnl lookupdotdomain: finds .domain in the access map, which stands for hosts below a domain only.
_ENABLE(`_LOOKUP_DOT_DOMAIN_')
