divert(-1)
dnl nouucp(reject|nospecial): does not route by UUCP: ! is an ordinary character (nospecial), or refused in recipients of
dnl clients that may not relay (reject).
ifelse(_ARG_, `reject', `_ENABLE(`_UUCP_REJECT_')', _ARG_, `nospecial', `', `_COMPLAIN(`nouucp needs the argument reject or nospecial')')
_ENABLE(`_NO_UUCP_')
