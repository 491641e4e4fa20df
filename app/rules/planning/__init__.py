"""The plan run: which observer sits in on which live call, exactly and with a proven bound."""
