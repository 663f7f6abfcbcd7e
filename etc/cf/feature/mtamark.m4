divert(-1)
dnl mtamark(message, t|message, prefix): refuses clients whose reverse DNS says by a TXT record that they are no mail
dnl servers.
divert(_AT_HEAD_)dnl
Kmtamark dns -R TXT -a. -T<TMP> -r`'ifdef(`MTAMARK_TO', `MTAMARK_TO', `5')
divert(8)dnl
R$*	$: $>Backwards $&{client_addr}
R$+	$: $(mtamark ifelse(defn(`_ARG3_'), `', `_perm._smtp._srv', `_ARG3_').$1.in-addr.arpa. $: NONE $)
R0.	$#error $@ 5.7.1 $: ifelse(defn(`_ARG_'), `', `"550 Rejected: " $&{client_addr} " not listed as MTA"', `_ARG_')
ifelse(defn(`_ARG2_'), `', `', defn(`_ARG2_'), `t', `R$+<TMP>	$#error $@ 4.4.3 $: "451 Temporary lookup failure of " _perm._smtp._srv.$&{client_addr}
', `R$+<TMP>	$#error $@ 4.4.3 $: _ARG2_
')dnl
