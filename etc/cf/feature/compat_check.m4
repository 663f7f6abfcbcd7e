divert(-1)
dnl compat_check: refuses pairs of sender and recipient by entries Compat:sender<@>recipient of the access map. Their values
dnl are ERROR:550 text, TEMP:451 text or DISCARD; another value lets pass.
ifdef(`_ACCESS_TABLE_', `', `_COMPLAIN(`compat_check needs FEATURE(access_db) before it')')
divert(9)dnl
`#' check_compat: sender $| recipient -> an error where the access map does not want this pair
Scheck_compat
R< $* > $| $*	$: $1 $| $2
R$* $| < $* >	$: $1 $| $2
R$+ $| $+	$: $(access Compat:$1<@>$2 $: NONE $)
R$* <TMPF>	$#error $@ 4.3.0 $: _TEMPORARY_FAILURE_
RDISCARD	$: DISCARD :
RDISCARD : $*	$#discard $: $1 " - discarded by check_compat"
RTEMP : $*	$#error $@ TEMPFAIL $: $1 " error from check_compat. Try again later"
RERROR : $*	$#error $@ UNAVAILABLE $: $1 " error from check_compat"
