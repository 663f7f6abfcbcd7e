divert(-1)
dnl mailertable(map): routes foreign domains by a table: domain or .domain to mailer:host. The map is hash
dnl /etc/mail/mailertable unless another is given.
_ENABLE(`_MAILER_TABLE_')
divert(_AT_HEAD_)dnl
Kmailertable _MAP(defn(`_ARG_'), `mailertable', `_LDAP_MAP(`mailertable')')
