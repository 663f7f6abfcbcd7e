divert(-1)
dnl redirect: refuses mail to name@domain.REDIRECT with the text that the user has moved to name@domain; so an alias can
dnl tell a new address.
_ENABLE(`_REDIRECT_')
divert(_AT_HEAD_)dnl
C{P}REDIRECT
