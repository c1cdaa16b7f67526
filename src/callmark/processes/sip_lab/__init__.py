"""`callmark sip-lab`: a telephone network on this machine, made of real SIP programs, that shows a signed call.

A caller (SIPp) dials; the originating proxy (Kamailio) has the call signed, the terminating proxy has it verified; a
phone (baresip) rings and shows what it was given. The proxies run the files of `deploy/sip/`.
"""
