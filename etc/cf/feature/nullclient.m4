divert(-1)
dnl nullclient(hub): a host that hands all mail to a hub and delivers none: no aliases, no .forward files, no mailers to name.
ifelse(defn(`_ARG_'), `', `_COMPLAIN(`nullclient needs the name of the hub')')
define(`SMART_HOST', defn(`_ARG_'))
define(`MAIL_HUB', defn(`_ARG_'))
_ENABLE(`_NO_ALIASES_')
define(`confFORWARD_PATH', `')
dnl the hub knows the names of people
_DEFIFNOT(`confFROM_HEADER', `<$g>')
MASQUERADE_AS(_ARG_)
FEATURE(`allmasquerade')
FEATURE(`masquerade_envelope')
MAILER(`local')
MAILER(`smtp')
