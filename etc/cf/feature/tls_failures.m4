divert(-1)
# tls_failures: see the documentation.
_COMPLAIN(`FEATURE(tls_failures) is not in this library yet')
