divert(-1)
dnl sts(map): asks a resolver of MTA-STS policies before mail is sent.
_COMPLAIN(`FEATURE(sts) is not in this library yet')
