divert(-1)
dnl block_bad_helo: refuses clients whose HELO name has no dot or is one of ours, unless they may relay
dnl or have logged in. It works with FEATURE(delay_checks) only.
divert(_AT_HEAD_)dnl
_PART_`'dnl
C{R}127.0.0.1
C{R}IPv6:0:0:0:0:0:0:0:1 IPv6:::1
C{w}[127.0.0.1]
C{w}[IPv6:0:0:0:0:0:0:0:1] [IPv6:::1]
divert(_AT_BAD_HELO_)dnl
_PART_`'dnl
R$*	$: < $&{client_addr} > < $&s > $1	the name that the client says
R< $={R} $* > < $* > $*	$: $4
R< $* > < $=w > $*	$#error $@ 5.7.1 $: "550 bogus HELO name used: " $&s
R< $* > < $- > $*	$#error $@ 5.7.1 $: "550 bogus HELO name used: " $&s
R< $* > < $* > $*	$: $3
