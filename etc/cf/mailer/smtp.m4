divert(-1)
dnl MAILER(smtp): delivery to other hosts by SMTP: the mailers smtp, esmtp, smtp8, dsmtp and relay.
define(`_RELAY_FLAGS_', `ifdef(`RELAY_MAILER_FLAGS', `RELAY_MAILER_FLAGS', `ifdef(`SMTP_MAILER_FLAGS', `SMTP_MAILER_FLAGS')')')
dnl _SMTP_MAILER(name, NAME, letters, rulesets of recipients)
define(`_SMTP_LINE', `M$1, P=[IPC], F=_FLAGS(`$2', `mDFMuX$3`'ifdef(`SMTP_MAILER_FLAGS', `SMTP_MAILER_FLAGS')'), S=EnvFromSMTP/HdrFromSMTP, R=ifdef(`_ALL_MASQUERADE_', `EnvToSMTP/HdrFromSMTP', `EnvToSMTP'), E=\r\n, L=ifdef(`SMTP_MAILER_LL', `SMTP_MAILER_LL', `990'),dnl
ifdef(`SMTP_MAILER_MAX', ` M=SMTP_MAILER_MAX,')dnl
ifdef(`SMTP_MAILER_MAXMSGS', ` m=SMTP_MAILER_MAXMSGS,')dnl
ifdef(`SMTP_MAILER_MAXRCPTS', ` r=SMTP_MAILER_MAXRCPTS,')dnl
ifdef(`SMTP_MAILER_CHARSET', ` C=SMTP_MAILER_CHARSET,')dnl
ifdef(`$2_MAILER_QGRP', ` Q=$2_MAILER_QGRP,')
	T=DNS/RFC822/SMTP, A=ifdef(`$2_MAILER_ARGS', `$2_MAILER_ARGS', `TCP DOL(h)')
')
define(`_SMTP_LINES_', `_SMTP_LINE(`smtp', `SMTP', `')`'_SMTP_LINE(`esmtp', `ESMTP', `a')`'_SMTP_LINE(`smtp8', `SMTP8', `8')`'_SMTP_LINE(`dsmtp', `DSMTP', `a%')`'dnl
Mrelay, P=[IPC], F=_FLAGS(`RELAY', `mDFMuXa8`'_RELAY_FLAGS_'), S=EnvFromSMTP/HdrFromSMTP, R=ifdef(`_ALL_MASQUERADE_', `MasqSMTP/MasqRelay', `MasqSMTP'), E=\r\n, L=ifdef(`RELAY_MAILER_LL', `RELAY_MAILER_LL', `2040'),dnl
ifdef(`RELAY_MAILER_MAXMSGS', ` m=RELAY_MAILER_MAXMSGS,')dnl
ifdef(`SMTP_MAILER_MAXRCPTS', ` r=SMTP_MAILER_MAXRCPTS,')dnl
ifdef(`RELAY_MAILER_CHARSET', ` C=RELAY_MAILER_CHARSET,')dnl
ifdef(`RELAY_MAILER_QGRP', ` Q=RELAY_MAILER_QGRP,')
	T=DNS/RFC822/SMTP, A=ifdef(`RELAY_MAILER_ARGS', `RELAY_MAILER_ARGS', `TCP DOL(h)')
')
divert(7)dnl
_SMTP_LINES_`'dnl
divert(_AT_MAILER_RULES_)dnl

`#' MasqSMTP: an address without a domain is one of ours
SMasqSMTP=61
R$* < @ $*	$@ $1 < @ $2
R$+	$: $1 < @ *LOCAL* >

`#' PseudoToReal: a domain that is only a marker -> a way that the world knows
SPseudoToReal=51
ifdef(`_NO_UUCP_', `', `ifdef(`UUCP_RELAY', `R$+ < @ $+ . UUCP . > $*	$: < $Y > $1 < @ $2 . UUCP . > $3
R< $- : $+ > $* < @ $+ . UUCP . > $*	$@ $4 ! $3 < @ $2 > $5
R< $+ > $* < @ $+ . UUCP . > $*	$@ $3 ! $2 < @ $1 > $4
')dnl
R$+ < @ $+ . UUCP . > $*	$@ $2 ! $1 < @ *LOCAL* > $3
')dnl
ifdef(`BITNET_RELAY', `R$+ < @ $+ . BITNET . > $*	$: < $B > $1 < @ $2 . BITNET . > $3
R< $- : $+ > $* < @ $+ . BITNET . > $*	$@ $3 % $4 . BITNET < @ $2 > $5
R< $+ > $* < @ $+ . BITNET . > $*	$@ $2 % $3 . BITNET < @ $1 > $4
')dnl

`#' EnvFromSMTP: an envelope sender
SEnvFromSMTP=11
R$+	$: $>MasqSMTP $>PseudoToReal $1
R$*:; < @ $* >	$@ < @ >
R$* < @ >	$@ $1 < @ >
R$*	$@ $>MasqEnv $1

`#' EnvToSMTP: a recipient, in the envelope and the header
SEnvToSMTP=21
R$+	$@ $>OwnName $>MasqSMTP $>PseudoToReal $1

`#' HdrFromSMTP: a sender in the header
SHdrFromSMTP=31
R:; $*	$@	an empty list
R< @ $*	$@ < @ $1	no user
R$* < @ >	$@ $1 < @ >	no domain
R$*	$@ $>MasqHdr $>MasqSMTP $>PseudoToReal $1

`#' MasqRelay: a recipient for a relay that knows our masquerade
SMasqRelay=71
R$+	$@ $>MasqHdr $>MasqSMTP $1
