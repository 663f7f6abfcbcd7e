divert(-1)
dnl sts(map, NO_SAN_TST): sends to a domain that has a policy of strict transport security (MTA-STS, RFC 8461) only by TLS,
dnl with a certificate that was verified, and to the servers of the policy. The map asks postfix-mta-sts-resolver; it is
dnl socket -d5 -T<TMPF> inet:5461@127.0.0.1 unless another is given. With NO_SAN_TST the names in the certificate are left alone.
_ENABLE(`_STS_')
ifelse(defn(`_ARG2_'), `NO_SAN_TST', `', `_ENABLE(`_ALTERNATIVE_NAMES_')')
divert(_AT_OPTIONS_)dnl
O StrictTransportSecurity=true
ifelse(defn(`_ARG2_'), `NO_SAN_TST', `', `O SetCertAltnames=true
')dnl
divert(_AT_HEAD_)dnl
Ksts ifelse(defn(`_ARG_'), `', `socket -d5 -T<TMPF> inet:5461@127.0.0.1', `_ARG_')
Ksts_servers regex -a: -s1 match=([^[:space:]]+)
divert(9)dnl
`#' STSCheck: a recipient -> an error where the policy of his domain does not allow this connection
SSTSCheck
R$+	$: $>CanonAddr $1
R$+ < @ $+ . >	$: $1 < @ $2 >
R$+ < @ $+ >	$: $(sts $2 $: none $)
R$* <TMPF>	$#error $@ 4.7.0 $: "450 The policy of strict transport security cannot be learnt"
Rsecure $*	$: < $&{verify} > $1
R< $={TlsVerified} > $*	$: < $2 > < $(sts_servers $2 $: : $) >
R< $* > < $* : $&{server_name} : $* >	$@ OK
R< $* > < $&{server_name} : $* >	$@ OK
R< $* > < $* >	$#error $@ 4.7.0 $: "450 " $&{server_name} " is no server of the policy of strict transport security"
R< $* > $*	$#error $@ 4.7.0 $: "450 The policy of strict transport security asks for a verified certificate"
