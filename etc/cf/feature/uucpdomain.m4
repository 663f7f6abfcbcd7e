divert(-1)
dnl uucpdomain(map): finds the domain of a UUCP host in a table. The map is hash /etc/mail/uudomain unless another is
dnl given.
_ENABLE(`_UUCP_TABLE_')
divert(_AT_HEAD_)dnl
Kuudomain _MAP(defn(`_ARG_'), `uudomain', `_LDAP_MAP(`uudomain')')
