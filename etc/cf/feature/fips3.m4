divert(-1)
dnl fips3(file): points OpenSSL 3 to a configuration that allows approved algorithms only.
divert(_AT_HEAD_)dnl
EOPENSSL_CONF=ifelse(defn(`_ARG_'), `', `/etc/mail/fips.ossl', `_ARG_')
