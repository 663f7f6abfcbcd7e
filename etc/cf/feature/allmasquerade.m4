divert(-1)
dnl allmasquerade: masquerades recipients in headers, too.
_ENABLE(`_ALL_MASQUERADE_')
