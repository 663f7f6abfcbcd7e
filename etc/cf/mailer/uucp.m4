divert(-1)
dnl MAILER(uucp): neighbours by UUCP: the mailers uucp-old (uucp), uucp-new (suucp) and, behind MAILER(smtp), uucp-dom and
dnl uucp-uudom, for the hosts of the classes U, Y and Z.
_DEFIFNOT(`UUCP_MAILER_PATH', `/usr/bin/uux')
_DEFIFNOT(`UUCP_MAILER_ARGS', `uux - -r -a$g -gC $h!rmail ($u)')
_DEFIFNOT(`UUCP_MAILER_MAX', ifdef(`UUCP_MAX_SIZE', `UUCP_MAX_SIZE', `100000'))
define(`_UUCP_LINE', `M$1, P=UUCP_MAILER_PATH, F=_FLAGS(`UUCP', `$2`'ifdef(`UUCP_MAILER_FLAGS', `UUCP_MAILER_FLAGS')'), S=$3, R=$4, M=UUCP_MAILER_MAX,dnl
ifdef(`UUCP_MAILER_CHARSET', ` C=UUCP_MAILER_CHARSET,')dnl
ifdef(`UUCP_MAILER_QGRP', ` Q=UUCP_MAILER_QGRP,')
	T=X-UUCP/X-UUCP/X-Unix, A=UUCP_MAILER_ARGS
')
ifdef(`_MAILER_smtp_', `', `_WARN(`without MAILER(smtp) before it there are no mailers uucp-dom and uucp-uudom')')
define(`_UUCP_LINES_', `_UUCP_LINE(`uucp', `DFMhuUd', `FromU', `EnvToU/HdrToU')`'_UUCP_LINE(`uucp-old', `DFMhuUd', `FromU', `EnvToU/HdrToU')`'_UUCP_LINE(`suucp', `mDFMhuUd', `FromU', `EnvToU/HdrToU')`'_UUCP_LINE(`uucp-new', `mDFMhuUd', `FromU', `EnvToU/HdrToU')`'ifdef(`_MAILER_smtp_', `_UUCP_LINE(`uucp-dom', `mDFMhud', `EnvFromUD/HdrFromSMTP', ifdef(`_ALL_MASQUERADE_', `EnvToSMTP/HdrFromSMTP', `EnvToSMTP'))`'_UUCP_LINE(`uucp-uudom', `mDFMhud', `EnvFromUUD/HdrFromSMTP', ifdef(`_ALL_MASQUERADE_', `EnvToSMTP/HdrFromSMTP', `EnvToSMTP'))')')
divert(7)dnl
_UUCP_LINES_`'dnl
divert(4)dnl
R$* < @ $=Z . UUCP . > $*	$@ $>MailerToTriple < uucp-uudom : $2 > $1 < @ $2 . UUCP . > $3
R$* < @ $=Y . UUCP . > $*	$@ $>MailerToTriple < uucp-new : $2 > $1 < @ $2 . UUCP . > $3
R$* < @ $=U . UUCP . > $*	$@ $>MailerToTriple < uucp-old : $2 > $1 < @ $2 . UUCP . > $3
divert(_AT_MAILER_RULES_)dnl

`#' FromU: a sender for a neighbour: our name and the way to it
SFromU=12
R< @ >	$: $n	bounces come from the daemon
R$*	$@ $>FromHere $>EnvToU $1

`#' EnvToU: a recipient for a neighbour: domain!user, or the user alone where the domain is ours
SEnvToU=22
R:; $*	$@	an empty list
R$* < @ $+ . > $*	$: $1 < @ $2 > $3
R$* < @ $=w >	$: $1
R$*	$@ $>Bang $1

`#' HdrToU: a recipient in the header for a neighbour: our name and the way from here
SHdrToU=42
R$*	$@ $>FromHere $>EnvToU $1

`#' Bang: user < @ domain > -> domain!user
SBang
R$* < @ $- . UUCP >	$: $1 < @ $2 >	a marker tells a neighbour nothing
R$* < @ $+ >	$: $2 ! $1

`#' FromHere: a way -> the same as it is from the neighbour: through this host, but not to the neighbour and back
SFromHere
R$&h ! $+	$: $| $1
R$| $+ ! $+	$@ $1 ! $2
R$| $+	$@ $&h ! $1
R$+	$@ $?U$U$|$k$. ! $1
ifdef(`_MAILER_smtp_', ``#' EnvFromUUD: a sender of the envelope as domain!user
SEnvFromUUD=72
R$*	$: $>EnvFromUD $1
R$* < @ $+ . > $*	$: $1 < @ $2 > $3
R$*	$@ $>Bang $1

`#' EnvFromUD: a sender of the envelope as user@domain
SEnvFromUD=52
R< @ >	$: $n	bounces come from the daemon
R$+	$: $>EnvFromSMTP $1
')dnl
