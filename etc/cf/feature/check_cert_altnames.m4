divert(-1)
dnl check_cert_altnames: see the documentation.
_COMPLAIN(`FEATURE(check_cert_altnames) is not in this library yet')
