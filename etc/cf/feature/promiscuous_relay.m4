divert(-1)
dnl promiscuous_relay: lets everybody relay: an open relay, which spammers find within hours.
_ENABLE(`_PROMISCUOUS_RELAY_')
_WARN(`FEATURE(promiscuous_relay) makes this host an open relay; never use it where the Internet can reach it')
