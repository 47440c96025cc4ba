"""One file per measured claim; each compares with a peer in the same run."""
