divert(-1)
dnl bitdomain(map): finds the domain of a BITNET host in a table. The map is hash /etc/mail/bitdomain unless another is
dnl given.
_ENABLE(`_BITNET_TABLE_')
divert(_AT_HEAD_)dnl
Kbitdomain _MAP(defn(`_ARG_'), `bitdomain', `_LDAP_MAP(`bitdomain')')
