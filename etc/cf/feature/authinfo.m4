divert(-1)
dnl authinfo(map): keeps how to log in at other servers in a map of its own, which is hash /etc/mail/authinfo unless
dnl another is given.
_ENABLE(`_AUTHINFO_')
divert(_AT_HEAD_)dnl
Kauthinfo _MAP(defn(`_ARG_'), `authinfo', `_LDAP_MAP(`authinfo')')
