divert(-1)
dnl rhsbl(list, message, t|message): refuses senders whose domain is in a list of the DNS. What is found of an entry rhs:domain,
dnl rhs:address, or one without tag, lets pass where it is OK or RELAY. With t, or with a message of its own, mail waits while
dnl the list cannot be asked; messages may name the domain as $&{RHS}.
ifelse(defn(`_ARG_'), `', `_COMPLAIN(`rhsbl needs the domain of a list')')
ifdef(`_RHSBL_', `', `_ENABLE(`_RHSBL_')PUSHDIVERT(_AT_HEAD_)Krhsbl host -T<TMP>
POPDIVERT`'PUSHDIVERT(9)
`#' SenderDomain: a sender -> the domain to look for in lists, or nothing
SSenderDomain
R$+	$: $>CanonAddr $1
R$* < @ [ $*	$@	an address is no name
R$* < @ $+ . >	$: $>PlainAddress $1 < @ $2 >
ifdef(`_ACCESS_TABLE_', `R$+ < @ $+ >	$: $1 < @ $2 > $| $>SearchList < + rhs > $| < F : $1@$2 > < D : $2 > <>
R$* $| < $={Accept} >	$@
R$+ $| $+	$: $1
')dnl
R$+ < @ $+ >	$@ $2 $(macro {RHS} $@ $2 $)
R$*	$@
POPDIVERT')
divert(_AT_MAIL_)dnl
R$*	$: $1 $| ? $>SenderDomain $1
R$* $| ? $+	$: $1 $| $(rhsbl $2`.'_ARG_`.' $: ? $)
ifelse(defn(`_ARG3_'), `', `', `R$* $| $* <TMP>	$#error $@ 4.7.1 $: ifelse(defn(`_ARG3_'), `t', `"451 Temporary lookup failure of " $&{RHS} " at _ARG_"', `_ARG3_')
')dnl
R$* $| $* <TMP>	$: $1
R$* $| ?	$: $1
R$* $| $+	$#error $@ 5.7.1 $: ifelse(defn(`_ARG2_'), `', `"550 Mail from " $&{RHS} " refused by blackhole site _ARG_"', `_ARG2_')
