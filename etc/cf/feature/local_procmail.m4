divert(-1)
dnl local_procmail(path, arguments, flags): delivers here by procmail, or by the program that is given.
define(`LOCAL_MAILER_PATH', ifelse(defn(`_ARG_'), `', `ifdef(`PROCMAIL_MAILER_PATH', `PROCMAIL_MAILER_PATH', `/usr/local/bin/procmail')', `_ARG_'))
define(`LOCAL_MAILER_FLAGS', ifelse(defn(`_ARG3_'), `', `SPfhn9', `_ARG3_'))
define(`LOCAL_MAILER_ARGS', ifelse(defn(`_ARG2_'), `', `procmail -Y -a $h -d $u', `_ARG2_'))
dnl a system's file may have chosen LMTP, which procmail does not speak
undefine(`_LOCAL_LMTP_', `LOCAL_MAILER_DSN_DIAGNOSTIC_CODE')
