divert(-1)
dnl block_bad_helo: refuses clients whose HELO name has no dot or is one of ours, unless they may relay
dnl or have logged in. Without FEATURE(delay_checks) only those are looked at who would be refused as they may not relay.
_ENABLE(`_BLOCK_BAD_HELO_')
divert(_AT_HEAD_)dnl
C{R}127.0.0.1
C{R}IPv6:0:0:0:0:0:0:0:1 IPv6:::1
C{w}[127.0.0.1]
C{w}[IPv6:0:0:0:0:0:0:0:1] [IPv6:::1]
divert(_AT_BAD_HELO_)dnl
_ASK(`BogusHelo')dnl
divert(9)dnl
`#' BogusHelo: -> an error where the name of HELO has no dot or is one of ours
SBogusHelo
R$*	$: < $&{client_addr} > $&{auth_authen}
R< $* > $+	$@ OK	users who have logged in may say anything ...
R< $={LocalClient} >	$@ OK	... so may local programs ...
R< $={R} $* >	$@ OK	... and clients that may relay
R$*	$: [ $&s ]
R$=w	$: BOGUS
R[ $=w ]	$: BOGUS
R[ $+ . $+ ]	$@ OK
R[ IPv6 : $+ ]	$@ OK
R$*	$#error $@ 5.7.1 $: "550 bogus HELO name used: " $&s
