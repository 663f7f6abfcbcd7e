divert(-1)
# masquerade_envelope: masquerades the sender of the envelope, too.
_ENABLE(`_MASQUERADE_ENVELOPE_')
