divert(-1)
dnl relay_local_from: lets everybody relay who names a sender of ours. Senders are easily forged.
_WARN(`FEATURE(relay_local_from) lets everybody relay who names a sender of ours; better use AUTH or STARTTLS')
divert(_AT_RELAY_OK_)dnl
R$*	$: < $&f >	senders of ours may relay
R< $* >	$: < S > $>CanonAddr $1
R< S > $+ < @ $=w . >	$@ RELAY
