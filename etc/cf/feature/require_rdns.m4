divert(-1)
dnl require_rdns: refuses clients whose address has no name that leads back to it. Those of class R and with Connect: OK
dnl or RELAY in the access map pass.
divert(_AT_RELAY_)dnl
R$*	$: < $&{client_addr} > $&{client_resolve}
R< $={R} $* > $*	$@ OK
R< $* > TEMP	$#error $@ 4.1.8 $: 451 Client IP address $&{client_addr} does not resolve
R< $* > FORGED	$#error $@ 4.1.8 $: 451 Possibly forged hostname for $&{client_addr}
R< $* > FAIL	$#error $@ 5.7.1 $: 550 Fix reverse DNS for $&{client_addr}
