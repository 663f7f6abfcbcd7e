divert(-1)
dnl relay_mail_from(domain): lets senders relay for whom the access map has From:address RELAY, with the argument domain
dnl also From:domain RELAY. Senders are easily forged.
_WARN(`FEATURE(relay_mail_from) lets everybody relay who names such a sender; better use AUTH or STARTTLS')
ifelse(_ARG_, `', `', _ARG_, `domain', `', `_WARN(`relay_mail_from takes domain, or nothing')')
divert(_AT_RELAY_OK_)dnl
R$*	$: < $&f >	senders that may relay
R< $* >	$: < S > $>CanonAddr $1
R< S > $+ < @ $+ . >	$: < S > $1 < @ $2 >
R< S > $*	$: < S > $>PlainAddress $1
R< S > $+ < @ $+ >	$: $>SearchList < ! From > $| < F : $1@$2 >ifelse(_ARG_, `domain', ` < ifdef(`_RELAY_HOSTS_ONLY_', `E', `D') : $2 >') <>
R< RELAY >	$@ RELAY
R< $* <TMPF> >	$#TEMP $@ 4.3.0 $: _TEMPORARY_FAILURE_
