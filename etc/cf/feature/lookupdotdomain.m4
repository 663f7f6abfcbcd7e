divert(-1)
# lookupdotdomain: finds .domain in the access map, which stands for hosts below a domain only.
_ENABLE(`_LOOKUP_DOT_DOMAIN_')
