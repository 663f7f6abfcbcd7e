divert(-1)
dnl badmx(pattern): refuses senders whose MX records lead to addresses of no host: those that match a regular expression,
dnl which is ^(127\.|10\.|0\.0\.0\.0) unless one is given.
divert(_AT_HEAD_)dnl
Kmxlist bestmx -z: -T<TEMP>
Kbadmx regex -a<BADMX> ^(([0-9]{1,3}\.){3}[0-9]){0,1}\.$
KdnsA dns -R A -a. -T<TEMP>
KBadMXIP regex -a<BADMXIP> ifelse(defn(`_ARG_'), `', `^(127\.|10\.|0\.0\.0\.0)', `_ARG_')
_ENABLE(`_BAD_MX_')dnl
divert(9)dnl
`#' BadMX: a domain -> an error where one of its MX records leads nowhere
SBadMX
R$+	$: $1 $| : $(mxlist $1 $: $)
R$+ $| : $* <TEMP> $*	$#error $@ 4.1.2 $: "450 MX lookup failure for " $1
R$+ $| : $+ : $*	$: $1 $| $2 $| : $3
R$+ $| : $~: $*	$: $1 $| $2 $3 $| :
R$+ $| $+ $| : $*	$: $1 $| $>BadHost $2 $| : $3
R$* $| $#$*	$#$2
