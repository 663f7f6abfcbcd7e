divert(-1)
dnl limited_masquerade: masquerades the domains of MASQUERADE_DOMAIN only, not those of class w.
_ENABLE(`_LIMITED_MASQUERADE_')
