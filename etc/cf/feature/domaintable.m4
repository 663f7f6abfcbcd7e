divert(-1)
# domaintable(map): renames domains by a table, also in headers. The map is hash /etc/mail/domaintable unless another is
# given.
_ENABLE(`_DOMAIN_TABLE_')
divert(_AT_HEAD_)dnl
_PART_`'dnl
Kdomaintable _MAP(defn(`_ARG_'), `domaintable', `_LDAP_MAP(`domaintable')')
