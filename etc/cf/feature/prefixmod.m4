divert(-1)
dnl prefixmod(number, text): is accepted and changes nothing.

