divert(-1)
dnl tls_failures: see the documentation.
_COMPLAIN(`FEATURE(tls_failures) is not in this library yet')
