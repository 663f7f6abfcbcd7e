divert(-1)
dnl virtusertable(map): sends user@domain of our domains and of VIRTUSER_DOMAIN where a table says. The map is hash
dnl /etc/mail/virtusertable unless another is given.
dnl
dnl Each line of /etc/mail/virtusertable is a key, space, and a value; `make maps' (makemap hash virtusertable < virtusertable)
dnl makes the map of it. The domains stand in VIRTUSER_DOMAIN(`example.org'), or are names of this host.
dnl
dnl   info@example.org         alice                    a user of this host, or an alias
dnl   sales@example.org        bob@elsewhere.example    any address; several want an alias
dnl   old@example.org          error:5.1.1:550 no such user
dnl   list+*@example.org       list                     user+detail with a detail, ++ with one that is not empty
dnl   @example.com             %1@example.org           all other users: %1 is what stands before the @
dnl   @example.net             error:nouser 550 no such user
dnl
dnl The first key that is there counts: user+detail@domain, user++@domain, user+*@domain, user@domain, ++@domain, +*@domain,
dnl @domain. In values %1 is the user, %2 the detail, %3 the detail with its +. Without a line @domain, users that the table
dnl lacks are looked for on this host where the domain is one of its names. With FEATURE(`virtuser_entire_domain') hosts below
dnl the domains count, too.
_ENABLE(`_VIRTUSER_TABLE_')
divert(_AT_HEAD_)dnl
Kvirtuser _MAP(defn(`_ARG_'), `virtusertable', `_LDAP_MAP(`virtusertable')')
