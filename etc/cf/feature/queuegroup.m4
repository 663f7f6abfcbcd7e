divert(-1)
dnl queuegroup(group): chooses the queue group of a recipient by entries QGRP:domain or QGRP:address of the access map;
dnl others go to the given group.
ifdef(`_ACCESS_TABLE_', `', `_COMPLAIN(`queuegroup needs FEATURE(access_db) before it')')
divert(9)dnl
`#' queuegroup: a recipient -> the queue group for it
Squeuegroup
R< $* >	$: $1
R$+ @ $+	$: $>SearchList < ! QGRP > $| < F : $1@$2 > < D : $2 > <>
ifelse(defn(`_ARG_'), `', `R< ? >	$@
', `R< ? >	$# _ARG_
')dnl
R< $* <TMPF> >	$@
R< $+ >	$@ $>Answer < $1 >
