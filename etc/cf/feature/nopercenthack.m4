divert(-1)
dnl nopercenthack(reject|nospecial): does not route by %: it is an ordinary character (nospecial), or refused in
dnl recipients of clients that may not relay (reject).
ifelse(_ARG_, `reject', `_ENABLE(`_PERCENT_REJECT_')', _ARG_, `nospecial', `', `_COMPLAIN(`nopercenthack needs the argument reject or nospecial')')
_ENABLE(`_NO_PERCENT_HACK_')
