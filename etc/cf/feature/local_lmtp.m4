divert(-1)
dnl local_lmtp(path, arguments): delivers here by LMTP: to mail.local of confEBINDIR unless another program is given.
_ENABLE(`_LOCAL_LMTP_')
define(`LOCAL_MAILER_PATH', ifelse(defn(`_ARG_'), `', `_BIN_DIR_`'/mail.local', `_ARG_'))
define(`LOCAL_MAILER_FLAGS', `PSXmnz9')
define(`LOCAL_MAILER_ARGS', ifelse(defn(`_ARG2_'), `', `mail.local -l', `_ARG2_'))
define(`LOCAL_MAILER_DSN_DIAGNOSTIC_CODE', `SMTP')
