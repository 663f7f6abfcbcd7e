divert(-1)
dnl domaintable(map): renames domains by a table, also in headers. The map is hash /etc/mail/domaintable unless another is
dnl given.
dnl
dnl Each line of /etc/mail/domaintable is a key, space, and a value; `make maps' (makemap hash domaintable < domaintable) makes
dnl the map of it:
dnl
dnl   old.example.org          new.example.org          a domain that has another name now; hosts below it have not
dnl
dnl The old name stays an alias of the new one: mail is taken, routed and shown as if the new one had been written.
_ENABLE(`_DOMAIN_TABLE_')
divert(_AT_HEAD_)dnl
Kdomaintable _MAP(defn(`_ARG_'), `domaintable', `_LDAP_MAP(`domaintable')')
