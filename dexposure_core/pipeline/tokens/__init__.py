"""Who issues a token: what a person should look at, beside other mappings, and which tokens stand for another."""
