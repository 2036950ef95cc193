"""What the scripts for Python's libraries share: results as lines of text. In a folder of its own, as python3 -P finds no others."""
import os
import ssl
import sys


def short(value):
    if isinstance(value, (bytes, str)) and len(value) > 80:
        return "%r.. %d, sum %d" % (value[:8], len(value), sum(value) if isinstance(value, bytes) else 0)
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%r: %s" % (k, short(value[k])) for k in sorted(value))
    return repr(value)


# What a client must know where moongate speaks TLS, and where it asks who its clients are; None in the other plays.
tls_context = ssl.create_default_context(cafile=os.environ["CLIENT_CA"]) if "CLIENT_CA" in os.environ else None
username = os.environ.get("CLIENT_USER")
password = os.environ.get("CLIENT_PASSWORD")


# Ends the play if it could be called: by a client with a wrong password.
def must_fail(call, *args):
    try:
        result = call(*args)
    except Exception:
        return
    if result:
        sys.exit("a client with a wrong password got %r" % (result,))


# Prints what a call gives; of an error its kind and its text, or its kind alone where the text names the address.
def say_with(error_text):
    def say(what, call, *args, **named):
        try:
            print("%s: %s" % (what, short(call(*args, **named))))
        except Exception as e:
            print("%s: %s" % (what, type(e).__name__), *([e] if error_text else []))
    return say


every_byte = bytes(range(256))
