divert(-1)
dnl check_cert_altnames: takes the alternative names of a certificate for its name, too, where the access map asks for CN.
_ENABLE(`_ALTERNATIVE_NAMES_')
divert(_AT_OPTIONS_)dnl
O SetCertAltnames=true
