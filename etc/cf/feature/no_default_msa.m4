divert(-1)
dnl no_default_msa: has no daemon on port 587.
_ENABLE(`_NO_MSA_')
