"""Fetching: the only rooms that talk to the network, and the folders in which they keep what they got.

`client` is polite and careful, `raw` and `partial` survive being killed at any moment, `defillama` and `huggingface`
know the two services. Importing this package imports no HTTP; only `client` does, and only the two fetchers need it.
"""
