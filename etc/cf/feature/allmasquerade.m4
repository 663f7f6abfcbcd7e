divert(-1)
# allmasquerade: masquerades recipients in headers, too.
_ENABLE(`_ALL_MASQUERADE_')
