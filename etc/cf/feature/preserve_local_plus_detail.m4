divert(-1)
dnl preserve_local_plus_detail: leaves user+detail to the local mailer.
_ENABLE(`_PRESERVE_PLUS_DETAIL_')
