"""Whether what runs equals what was declared, and putting it right: `python -m drift`."""
