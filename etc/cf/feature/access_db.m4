divert(-1)
dnl access_db(map, skip, lookupdotdomain, relaytofulladdress): decides by the access map who may send, connect and relay:
dnl tags Connect, From, To and those of other features; values OK, RELAY, REJECT, DISCARD, SKIP, ERROR and QUARANTINE. The
dnl map is hash -T<TMPF> /etc/mail/access unless another is given. The words behind it: lookupdotdomain finds .domain,
dnl too; relaytofulladdress takes To:user@domain RELAY.
_ENABLE(`_ACCESS_TABLE_')
define(`_WORD', `ifelse(`$1', `lookupdotdomain', `_ENABLE(`_LOOKUP_DOT_DOMAIN_')', `$1', `relaytofulladdress', `_ENABLE(`_RELAY_FULL_ADDRESS_')', `$1', `skip', `_ENABLE(`_ACCESS_SKIP_')', `$1', `', `', `_COMPLAIN(`access_db does not know the word $1')')')
_WORD(_ARG2_)_WORD(_ARG3_)_WORD(_ARG4_)
divert(_AT_HEAD_)dnl
Kaccess ifelse(defn(`_ARG_'), `', `DATABASE_MAP_TYPE -T<TMPF> MAIL_SETTINGS_DIR`'access', defn(`_ARG_'), `LDAP', `_LDAP_MAP(`access') -T<TMPF>', `_ARG_')
