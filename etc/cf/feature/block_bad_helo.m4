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
R$*	$: < $&{auth_authen} > $1
R< $+ > $*	$: $2	users who have logged in may say anything ...
R< > $*	$: < $&{client_addr} > < [ $&s ] > $1
R< 0 > < $* > $*	$: $2	... so may local programs ...
R< $={R} $* > < $* > $*	$: $4	... and clients that may relay
R< $* > < $=w > $*	$#error $@ 5.7.1 $: "550 bogus HELO name used: " $&s
R< $* > < [ $=w ] > $*	$#error $@ 5.7.1 $: "550 bogus HELO name used: " $&s
R< $* > < [ $+ . $+ ] > $*	$: $4
R< $* > < [ IPv6 : $+ ] > $*	$: $3
R< $* > < [ $* ] > $*	$#error $@ 5.7.1 $: "550 bogus HELO name used: " $&s
