"""What a call record may hold, as far as it can be validated without the server: pure, and free of it.

characters, reasons   which texts a name and a reason may be
fields                the rules of each field, one fault at a time
words                 a fault as a sentence, and what to change
columns               which column of a file is which field

The server validates with these rules, and so do the client commands before they send.
"""
