divert(-1)
dnl msp(host, MSA): submission: every mail goes to the daemon at the host, which is [localhost] unless one is given; with the
dnl second word MSA to its port 587. For submit.mc only.
_ENABLE(`_MSP_')
_ENABLE(`_NO_MSA_')
_ENABLE(`_NO_ALIASES_')
define(`confDELIVERY_MODE', `i')
define(`confUSE_MSP', `True')
define(`confFORWARD_PATH', `')
define(`confPRIVACY_FLAGS', `goaway,noetrn,restrictqrun')
define(`confDONT_PROBE_INTERFACES', `True')
_DEFIFNOT(`confQUEUE_FILE_MODE', `0660')
_DEFIFNOT(`MSP_QUEUE_DIR', `/var/spool/clientmqueue')
define(`QUEUE_DIR', `MSP_QUEUE_DIR')
_DEFIFNOT(`STATUS_FILE', `MSP_QUEUE_DIR`'/sm-client.st')
_DEFIFNOT(`confPID_FILE', `MSP_QUEUE_DIR`'/sm-client.pid')
_DEFIFNOT(`confRUN_AS_USER', `smmsp')
define(`confTRUSTED_USER', `ifelse(index(confRUN_AS_USER, `:'), `-1', confRUN_AS_USER, `substr(confRUN_AS_USER, 0, index(confRUN_AS_USER, `:'))')')
DAEMON_OPTIONS(`Name=NoMTA, Addr=127.0.0.1, M=E')
divert(_AT_HEAD_)dnl
`#' where all mail goes
D{MTAHost}ifelse(defn(`_ARG_'), `', `[localhost]', `_ARG_')
LOCAL_RULESETS
SLocal_localaddr
R$*	$@ $>ToMTA $>ParseRecipient $1	every address, of this host or not

`#' ToMTA: an address -> the daemon for it; an error stays one
SToMTA
R$#$*	$@ $#$1
R$* < @ $*	$#relay $@ ${MTAHost} $: $1 < @ $2
ifdef(`_USE_DECNET_SYNTAX_', `R$+ :: $+	$#relay $@ ${MTAHost} $: $1 :: $2
')dnl
R$*	$#relay $@ ${MTAHost} $: $1 < @ ifelse(ifdef(`MASQUERADE_NAME', `1')`'ifdef(`_MASQUERADE_ENVELOPE_', `1'), `11', `$M', `$j') >
divert(-1)
ifelse(defn(`_ARG2_'), `MSA', `define(`RELAY_MAILER_ARGS', `TCP $h 587')', defn(`_ARG2_'), `', `', `_WARN(`msp takes MSA, or nothing, as its second argument')')
define(`SMTP_MAILER_FLAGS', `k5')
define(`RELAY_MAILER_FLAGS', `k')
MAILER(`local')
MAILER(`smtp')
