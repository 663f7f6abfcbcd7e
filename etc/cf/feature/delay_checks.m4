divert(-1)
dnl delay_checks(friend|hater, n): calls check_mail and check_relay only when a recipient is named, so that users who log in
dnl pass. friend: recipients with Spam:... FRIEND in the access map are spared; hater: only those with Spam:... HATER are
dnl protected. With n the words FRIEND and HATER of other entries are replies like any other text.
_ENABLE(`_DELAY_CHECKS_')
ifelse(_ARG_, `', `', _ARG_, `friend', `define(`_SPAM_', `FRIEND')', _ARG_, `hater', `define(`_SPAM_', `HATER')', `_COMPLAIN(`delay_checks takes friend or hater')')
ifelse(_ARG2_, `', `', `_ENABLE(`_FRIENDS_ARE_REPLIES_')')
