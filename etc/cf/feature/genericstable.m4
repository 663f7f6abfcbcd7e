divert(-1)
dnl genericstable(map): turns senders without a domain and those of GENERICS_DOMAIN into what a table says. The map is
dnl hash /etc/mail/genericstable unless another is given.
_ENABLE(`_GENERICS_TABLE_')
divert(_AT_HEAD_)dnl
Kgenerics _MAP(defn(`_ARG_'), `genericstable', `_LDAP_MAP(`genericstable')')
