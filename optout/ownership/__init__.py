"""Methods of proof by name: what shows that a requester controls what they ask about."""

METHODS = {
    "ssh-signature": "optout.ownership.ssh_signature.prove",
    "challenge-file": "optout.ownership.challenge_file.prove",
    "email-code": "optout.ownership.email_code.prove",
}
"""Name -> dotted path of a function `prove(statement, answer, against)`; see `optout.ownership.base`."""
