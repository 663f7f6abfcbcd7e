divert(-1)
dnl enhdnsbl(list, message|discard|quarantine, t|message, answer, ...): is dnsbl that looks at the answer of the list:
dnl only the given ones, up to five, count.
dnl
dnl An answer ends in a dot, as the name service gives it; without the dot nobody is refused:
dnl
dnl   FEATURE(`enhdnsbl', `dnsbl.example.net', `', `t', `127.0.0.2.', `127.0.0.3.')
dnl
dnl The empty word in the middle stands for the usual message.
ifdef(`_EDNSBL_K_', `', `_ENABLE(`_EDNSBL_K_')PUSHDIVERT(_AT_HEAD_)Kednsbl dns -R A -a. -T<TMP> -r`'ifdef(`EDNSBL_TO', `EDNSBL_TO', `5')
POPDIVERT')
divert(8)dnl
ifelse(defn(`_ARG_'), `', `_COMPLAIN(`enhdnsbl needs the domain of a list')')dnl
_CLIENT_IN_(`ednsbl', _ARG_)dnl
_UNKNOWN_(_ARG_, defn(`_ARG3_'))dnl
define(`_ANSWER', `ifelse(`$1', `', `', `RLISTED $1	_LISTED_ACTION_(`'_ARG_, defn(`_ARG2_'), `discard')
')')dnl
ifelse(defn(`_ARG4_'), `', `RLISTED $+	_LISTED_ACTION_(`'_ARG_, defn(`_ARG2_'), `discard')
', `_ANSWER(_ARG4_)_ANSWER(_ARG5_)_ANSWER(_ARG6_)_ANSWER(_ARG7_)_ANSWER(_ARG8_)')dnl
