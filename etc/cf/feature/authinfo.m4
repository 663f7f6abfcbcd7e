divert(-1)
dnl authinfo(map): keeps how to log in at other servers in a map of its own, which is hash /etc/mail/authinfo unless
dnl another is given.
dnl
dnl AUTH is not there yet in this version: the file is made, and the map is not asked. For when it is:
dnl
dnl Each line of /etc/mail/authinfo, which only root may read, is AuthInfo: and the whole name of a host, or its address; then, in double quotes, U:user (to log in), I:identity, P:password or P=password in base64, R:realm, M:mechanisms:
dnl
dnl   AuthInfo:smtp.provider.example "U:alice" "P:secret" "M:PLAIN"
dnl   AuthInfo:                      "U:bob" "P:other"        all other servers
dnl
dnl `make maps' (makemap hash authinfo < authinfo) makes the map of it.
_ENABLE(`_AUTHINFO_')
divert(_AT_HEAD_)dnl
Kauthinfo _MAP(defn(`_ARG_'), `authinfo', `_LDAP_MAP(`authinfo')')
