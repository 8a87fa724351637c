"""From a source to a published vintage: read, map tokens, compute week by week, add weeks later."""
