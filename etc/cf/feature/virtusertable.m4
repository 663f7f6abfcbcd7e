divert(-1)
dnl virtusertable(map): sends user@domain of our domains and of VIRTUSER_DOMAIN where a table says. The map is hash
dnl /etc/mail/virtusertable unless another is given.
_ENABLE(`_VIRTUSER_TABLE_')
divert(_AT_HEAD_)dnl
Kvirtuser _MAP(defn(`_ARG_'), `virtusertable', `_LDAP_MAP(`virtusertable')')
