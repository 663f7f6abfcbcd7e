divert(-1)
# prefixmod(number, text): is accepted and changes nothing.

