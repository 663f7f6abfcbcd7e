divert(-1)
dnl local_no_masquerade: does not masquerade mail that is delivered here.
_ENABLE(`_LOCAL_NO_MASQUERADE_')
