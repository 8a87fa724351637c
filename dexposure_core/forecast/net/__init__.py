"""The network: an encoder of protocols and their exposures, and heads that correct memory."""
