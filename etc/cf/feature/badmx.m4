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
R$+	$: $1 $| : $(mxlist $1 $) :
R$+ $| : $* <TEMP> $*	$#error $@ 4.1.2 $: "450 MX lookup failure for " $1
R$*	$@ $>EachMX $1

`#' EachMX: domain $| : host : host : ... -> an error for the first host that is none
SEachMX
R$+ $| : $+ : $*	$: $1 $| : $3 $| $>KindOfMX $2
R$+ $| $* $| FINE	$@ $>EachMX $1 $| $2
R$+ $| $* $| ILLEGAL	$#error $@ 5.1.2 $: "550 Illegal MX record for host " $1
R$+ $| $* $| INVALID	$#error $@ 5.1.2 $: "550 Invalid MX record for host " $1

`#' KindOfMX: a host -> ILLEGAL where it is no name, INVALID where its address is none of the world, or FINE
SKindOfMX
R$*	$: $1 $| $(badmx $1 $: FINE $)
R$* $| $* <BADMX>	$@ ILLEGAL
R$* $| $*	$: $(dnsA $1 $: $1 $)
R$*	$: $(BadMXIP $1 $: FINE $)
R$* <BADMXIP>	$@ INVALID
R$*	$@ FINE
