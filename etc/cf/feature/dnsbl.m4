divert(-1)
dnl dnsbl(list, message|discard|quarantine, t|message): refuses clients that a DNS based list names. The third argument
dnl says what happens while the list cannot be asked: nothing, a temporary failure (t), or a message. May be used several
dnl times.
ifdef(`DNSBL_MAP', `', `define(`DNSBL_MAP', `dns -R A')')
ifdef(`_DNSBL_K_', `', `_ENABLE(`_DNSBL_K_')PUSHDIVERT(_AT_HEAD_)Kdnsbl DNSBL_MAP -T<TMP>`'ifdef(`DNSBL_MAP_OPT', ` DNSBL_MAP_OPT')
POPDIVERT')
divert(8)dnl
ifelse(defn(`_ARG_'), `', `_COMPLAIN(`dnsbl needs the domain of a list')')dnl
_CLIENT_IN_(`dnsbl', _ARG_)dnl
_UNKNOWN_(_ARG_, defn(`_ARG3_'))dnl
_LISTED_(`_ARG_', defn(`_ARG2_'))dnl
