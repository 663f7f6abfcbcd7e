divert(-1)
dnl enhdnsbl(list, message|discard|quarantine, t|message, answer, ...): is dnsbl that looks at the answer of the list:
dnl only the given ones, up to five, count.
ifdef(`_EDNSBL_K_', `', `_ENABLE(`_EDNSBL_K_')PUSHDIVERT(_AT_HEAD_)Kednsbl dns -R A -a. -T<TMP> -r`'ifdef(`EDNSBL_TO', `EDNSBL_TO', `5')
POPDIVERT')
divert(8)dnl
ifelse(defn(`_ARG_'), `', `_COMPLAIN(`enhdnsbl needs the domain of a list')')dnl
_CLIENT_IN_(`ednsbl', _ARG_)dnl
ifelse(len(defn(`_ARG3_')), `0', `', defn(`_ARG3_'), `t', `R<?>$+<TMP>	$#error $@ 4.4.3 $: "451 Temporary lookup failure of " $&{client_addr} " at _ARG_"
', `R<?>$+<TMP>	$#error $@ 4.4.3 $: _ARG3_
')dnl
R<?>$+<TMP>	$: OK
R<?>OK	$: OK
define(`_ANSWER', `ifelse(`$1', `', `', `R<?>$1	_LISTED_ACTION_(`'_ARG_, defn(`_ARG2_'), `discard')
')')dnl
ifelse(defn(`_ARG4_'), `', `_LISTED_(_ARG_, defn(`_ARG2_'))', `_ANSWER(_ARG4_)_ANSWER(_ARG5_)_ANSWER(_ARG6_)_ANSWER(_ARG7_)_ANSWER(_ARG8_)')dnl
