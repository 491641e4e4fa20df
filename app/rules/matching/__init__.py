"""The match run: which mentee gets which mentor. `problem` is plain and importable anywhere; the rest needs numpy."""
