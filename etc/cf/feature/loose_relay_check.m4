divert(-1)
dnl loose_relay_check: does not look behind user%site@relay.domain in the check for relaying.
_ENABLE(`_LOOSE_RELAY_CHECK_')
