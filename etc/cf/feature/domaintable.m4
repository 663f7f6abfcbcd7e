divert(-1)
dnl domaintable(map): renames domains by a table, also in headers. The map is hash /etc/mail/domaintable unless another is
dnl given.
_ENABLE(`_DOMAIN_TABLE_')
divert(_AT_HEAD_)dnl
Kdomaintable _MAP(defn(`_ARG_'), `domaintable', `_LDAP_MAP(`domaintable')')
